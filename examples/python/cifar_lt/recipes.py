"""The losses by name, with the constants that were published, and where.

All train by the same `Schedule`; papers that used another say so in `Recipe.source`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line lists what is here, with Python alone
    from long_tail import Counts
    from torch import nn


@dataclass(frozen=True)
class Recipe:
    """A loss and what belongs to it.

    Attributes:
        loss: Its name in `topkloss.torch`.
        source: Where its constants come from.
        constants: What it is made with.
        counted: Whether it is made with the pictures of each class too.
        normalized: Whether the last layer gives cosines.
        reweighted: Whether classes are weighted, from the schedule's epoch on.
        adjusted: Strengths tau of post-hoc adjustment to report beside the plain scores.
        alpha_of_classes: The constant alpha, by the number of classes.
    """

    loss: str
    source: str
    constants: dict[str, Any] = field(default_factory=dict)
    counted: bool = False
    normalized: bool = False
    reweighted: bool = False
    adjusted: tuple[float, ...] = ()
    alpha_of_classes: dict[int, float] = field(default_factory=dict)

    def make(self, counts: Counts) -> nn.Module:
        """The module, from the pictures of each class, shape (C,)."""
        import topkloss.torch

        constants = dict(self.constants)
        if self.counted:
            constants["class_counts"] = counts
        if self.alpha_of_classes:
            constants["alpha"] = self.alpha_of_classes[len(counts)]
        loss: nn.Module = getattr(topkloss.torch, self.loss)(**constants)
        return loss


_CAO = "Cao et al., NeurIPS 2019, and their code"
_KATO = "Kato & Hotta, SMC 2023, and their code"
_MARGIN = {"max_margin": 0.5, "scale": 30.0}

RECIPES: dict[str, Recipe] = {
    "cross-entropy": Recipe(
        "CrossEntropyLoss",
        f"{_CAO}; adjusted: Menon et al., ICLR 2021, tau 1",
        adjusted=(1.0,),
    ),
    "cross-entropy-drw": Recipe("CrossEntropyLoss", _CAO, reweighted=True),
    "logit-adjusted": Recipe(
        "LogitAdjustedLoss",
        "Menon et al., ICLR 2021; their code trains 1,241 or 1,419 epochs, with falls to a tenth",
        {"tau": 1.0},
        counted=True,
    ),
    "balanced-softmax": Recipe(
        "LogitAdjustedLoss",
        "Ren et al., NeurIPS 2020: logit-adjusted at tau 1 under another name; their code trains "
        "13,000 steps of 512 pictures, with a cosine schedule",
        {"tau": 1.0},
        counted=True,
    ),
    "ldam": Recipe("LDAMLoss", _CAO, _MARGIN, counted=True, normalized=True),
    "ldam-drw": Recipe("LDAMLoss", _CAO, _MARGIN, counted=True, normalized=True, reweighted=True),
    "elm": Recipe("ELMLoss", _KATO, {**_MARGIN, "lam": 1.0}, counted=True, normalized=True),
    "elm-drw": Recipe(
        "ELMLoss", _KATO, {**_MARGIN, "lam": 1.0}, counted=True, normalized=True, reweighted=True
    ),
    "vector-scaling": Recipe(
        "VectorScalingLoss",
        "Kini et al., NeurIPS 2021: what their code begins with; they tune both",
        {"gamma": 0.3, "tau": 1.0},
        counted=True,
    ),
    "noised-top5": Recipe(
        "NoisedTopKLoss",
        "Garcin et al., ICML 2022, CIFAR-100 with all of its pictures; they train a DenseNet",
        {"k": 5, "epsilon": 0.2, "n_samples": 10},
    ),
    "noised-top5-imbalanced": Recipe(
        "NoisedTopKLoss",
        "Garcin et al., ICML 2022, Pl@ntNet-300K; there is none for CIFAR",
        {"k": 5, "epsilon": 0.01, "max_margin": 0.2, "scale": 60.0},
        counted=True,
        normalized=True,
    ),
    "outlying-mse": Recipe(
        "OutlyingMSELoss",
        "Kato & Hotta, 2021: alpha of a public re-implementation, which ranks the other way round",
        # Labels grow with the rank, up to alpha C: of ten classes they may do so faster.
        alpha_of_classes={10: 5.0, 100: 1.0},
        counted=True,
    ),
}

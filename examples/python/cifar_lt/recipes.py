"""The losses by name, with the constants that were published, and where.

All train by the same `Schedule`; papers that used another say so in `Recipe.source`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import topkloss.torch as losses
from numpy.typing import NDArray
from torch import nn

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """A loss and what belongs to it.

    Attributes:
        make: The module, from the pictures of each class, shape (C,).
        source: Where its constants come from.
        normalized: Whether the last layer gives cosines.
        reweighted: Whether classes are weighted, from the schedule's epoch on.
        adjusted: Strengths tau of post-hoc adjustment to report beside the plain scores.
    """

    make: Callable[[Counts], nn.Module]
    source: str
    normalized: bool = False
    reweighted: bool = False
    adjusted: tuple[float, ...] = ()


def _outlying(counts: Counts) -> nn.Module:
    # Labels grow with the rank, up to alpha C: of ten classes they may do so faster.
    return losses.OutlyingMSELoss(counts, alpha=5 if len(counts) <= 10 else 1)


_CAO = "Cao et al., NeurIPS 2019, and their code"
_KATO = "Kato & Hotta, SMC 2023, and their code"

RECIPES: dict[str, Recipe] = {
    "cross-entropy": Recipe(
        lambda counts: losses.CrossEntropyLoss(),
        f"{_CAO}; adjusted: Menon et al., ICLR 2021, tau 1",
        adjusted=(1.0,),
    ),
    "cross-entropy-drw": Recipe(lambda counts: losses.CrossEntropyLoss(), _CAO, reweighted=True),
    "logit-adjusted": Recipe(
        lambda counts: losses.LogitAdjustedLoss(counts, tau=1.0),
        "Menon et al., ICLR 2021; their code trains 1,241 or 1,419 epochs, with falls to a tenth",
    ),
    "balanced-softmax": Recipe(
        lambda counts: losses.LogitAdjustedLoss(counts, tau=1.0),
        "Ren et al., NeurIPS 2020: logit-adjusted at tau 1 under another name; their code trains "
        "13,000 steps of 512 pictures, with a cosine schedule",
    ),
    "ldam": Recipe(
        lambda counts: losses.LDAMLoss(counts, max_margin=0.5, scale=30.0), _CAO, normalized=True
    ),
    "ldam-drw": Recipe(
        lambda counts: losses.LDAMLoss(counts, max_margin=0.5, scale=30.0),
        _CAO,
        normalized=True,
        reweighted=True,
    ),
    "elm": Recipe(
        lambda counts: losses.ELMLoss(counts, max_margin=0.5, scale=30.0, lam=1.0),
        _KATO,
        normalized=True,
    ),
    "elm-drw": Recipe(
        lambda counts: losses.ELMLoss(counts, max_margin=0.5, scale=30.0, lam=1.0),
        _KATO,
        normalized=True,
        reweighted=True,
    ),
    "vector-scaling": Recipe(
        lambda counts: losses.VectorScalingLoss(counts, gamma=0.3, tau=1.0),
        "Kini et al., NeurIPS 2021: what their code begins with; they tune both",
    ),
    "noised-top5": Recipe(
        lambda counts: losses.NoisedTopKLoss(5, epsilon=0.2, n_samples=10),
        "Garcin et al., ICML 2022, CIFAR-100 with all of its pictures; they train a DenseNet",
    ),
    "noised-top5-imbalanced": Recipe(
        lambda counts: losses.NoisedTopKLoss(
            5, epsilon=0.01, class_counts=counts, max_margin=0.2, scale=60.0
        ),
        "Garcin et al., ICML 2022, Pl@ntNet-300K; there is none for CIFAR",
        normalized=True,
    ),
    "outlying-mse": Recipe(
        _outlying,
        "Kato & Hotta, 2021: alpha of a public re-implementation, which ranks the other way round",
    ),
}

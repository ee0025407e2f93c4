"""The losses that are compared, a row each: the last layer, and six settings to choose from.

Six for every one, the baseline too: who tries more values for one loss than for another will find
it better. Which ones are tried was narrowed down on validation rows.

`deferred`: class weights by the effective number apply in the last epochs, as in LDAM-DRW.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import scipy.special  # type: ignore[import-untyped]
import topkloss.torch as losses
from models import Head
from numpy.typing import NDArray
from topkloss import posthoc
from torch import Tensor, nn

Counts = NDArray[np.int64]
Scores = NDArray[np.float32]
Setting = Mapping[str, float]
"""The learning rate, and the loss's own constants, by name."""

K = 5
SCALES = (20.0, 30.0)
"""Of cosines; 30 is the papers' own."""


def grid(**values: Sequence[float]) -> tuple[Setting, ...]:
    """All combinations."""
    names = list(values)
    return tuple(
        MappingProxyType(dict(zip(names, combination, strict=True)))
        for combination in product(*values.values())
    )


def one_head(criterion: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """The value of a loss of one head."""
    value: Tensor = criterion(logits, labels)
    return value


def two_heads(criterion: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """The value of a loss of two heads, whose logits lie side by side."""
    value: Tensor = criterion(*logits.chunk(2, dim=1), labels)
    return value


def _ranked(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    return logits


def _probabilities(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    scale = np.float32(setting.get("scale", 1.0))
    found: Scores = scipy.special.softmax(scale * logits, axis=1)
    return found


def _adjusted(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    found: Scores = posthoc.logit_adjust(logits, counts, tau=setting["tau"])
    return found


def _adjusted_probabilities(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    return _probabilities(_adjusted(logits, setting, counts), {}, counts)


def _softmax_head(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    return np.hsplit(logits, 2)[0]


def _multi_label_head(logits: Scores, setting: Setting, counts: Counts) -> Scores:
    found: Scores = scipy.special.expit(np.hsplit(logits, 2)[1])
    return found


Reading = Callable[[Scores, Setting, Counts], Scores]


@dataclass(frozen=True)
class Method:
    """A loss, and how what the trained network puts out is read."""

    title: str
    build: Callable[..., nn.Module]
    """From the training rows a class, and the setting's constants by keyword."""

    settings: tuple[Setting, ...]
    """Six of them."""

    head: Head = "plain"
    objective: Callable[[nn.Module, Tensor, Tensor], Tensor] = one_head

    scores: Reading = _ranked
    """What classes are ranked by, (N, C)."""

    set_scores: Reading = _probabilities
    """What sets are made of, (N, C): comparable from row to row."""

    sampled: bool = False
    """Whether it draws noise, and so is made with the training's seed too."""

    trained_as: str | None = None
    """Whose trained network is read, where there is no training of its own."""

    def criterion(self, counts: Counts, setting: Setting, seed: int) -> nn.Module:
        """The loss as a module."""
        own = {k: v for k, v in setting.items() if k not in ("learning_rate", "deferred")}
        return self.build(counts, **own, **({"seed": seed} if self.sampled else {}))


RATES = (0.005, 0.015)
RATE = (0.01,)
"""Of those behind a normalised layer, whose scale says more."""

MARGINS = (0.1, 0.3, 0.5)

METHODS: Mapping[str, Method] = {
    "cross-entropy": Method(
        "Cross-entropy",
        lambda counts, label_smoothing: losses.CrossEntropyLoss(label_smoothing=label_smoothing),
        grid(learning_rate=RATES, label_smoothing=(0.0, 0.05, 0.1)),
    ),
    "post-hoc": Method(
        "Post-hoc adjusted",
        lambda counts, tau: losses.CrossEntropyLoss(),
        grid(tau=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5)),
        scores=_adjusted,
        set_scores=_adjusted_probabilities,
        trained_as="cross-entropy",
    ),
    "logit-adjusted": Method(
        "Logit-adjusted",
        lambda counts, tau: losses.LogitAdjustedLoss(counts, tau=tau),
        grid(learning_rate=RATES, tau=(0.5, 1.0, 1.5)),
    ),
    "normalised": Method(
        "Cross-entropy, normalised layer",
        lambda counts, scale: losses.MarginSoftmaxLoss(scale=scale),
        grid(learning_rate=RATE, scale=(10.0, *SCALES), deferred=(0.0, 1.0)),
        head="normalised",
    ),
    "ldam": Method(
        "LDAM, deferred weights",
        lambda counts, scale, margin: losses.LDAMLoss(counts, max_margin=margin, scale=scale),
        grid(learning_rate=RATE, scale=SCALES, margin=MARGINS, deferred=(1.0,)),
        head="normalised",
    ),
    "elm": Method(
        "ELM, deferred weights",
        lambda counts, scale, margin: losses.ELMLoss(counts, max_margin=margin, scale=scale),
        grid(learning_rate=RATE, scale=SCALES, margin=MARGINS, deferred=(1.0,)),
        head="normalised",
    ),
    "outlying-mse": Method(
        "MSE, outlying label by power",
        # By rank, the paper's teacher reaches from 1 to C: with hundreds of classes it costs the
        # common ones far more than the rare ones gain.
        lambda counts, power: losses.OutlyingMSELoss(counts, teacher="power", power=power),
        grid(learning_rate=RATES, power=(0.25, 0.5, 0.75)),
        set_scores=_ranked,
    ),
    "noised-top5": Method(
        "Noised top-5",
        lambda counts, seed, epsilon: losses.NoisedTopKLoss(K, epsilon, seed=seed),
        grid(learning_rate=RATES, epsilon=(0.1, 0.3, 1.0)),
        set_scores=_ranked,
        sampled=True,
    ),
    "noised-top5-exact": Method(
        "Noised top-5, exact",
        lambda counts, epsilon: losses.NoisedTopKLoss(K, epsilon, estimator="exact"),
        grid(learning_rate=RATES, epsilon=(0.1, 0.3, 1.0)),
        set_scores=_ranked,
    ),
    "noised-top5-imbalanced": Method(
        "Noised top-5, imbalanced",
        # With the published values among them: epsilon 0.01, margin 0.2, scale 60.
        lambda counts, seed, epsilon, margin, scale: losses.NoisedTopKLoss(
            K, epsilon, class_counts=counts, max_margin=margin, scale=scale, seed=seed
        ),
        grid(learning_rate=RATE, epsilon=(0.01, 0.1), margin=(0.2,), scale=(*SCALES, 60.0)),
        head="normalised",
        set_scores=_ranked,
        sampled=True,
    ),
    "smooth-svm": Method(
        "Smooth top-5 SVM",
        lambda counts, tau: losses.SmoothTopKSVMLoss(K, tau=tau),
        grid(learning_rate=RATES, tau=(0.1, 0.3, 1.0)),
        set_scores=_ranked,
    ),
    "top5-cross-entropy": Method(
        "Top-5 cross-entropy",
        lambda counts, epsilon: losses.TopKCrossEntropyLoss(K, epsilon),
        grid(learning_rate=RATES, epsilon=(0.1, 0.3, 1.0)),
        set_scores=_ranked,
    ),
    "two-head": Method(
        "Two-head average-5",
        lambda counts, weight: losses.TwoHeadAverageKLoss(K, multi_label_weight=weight),
        grid(learning_rate=RATES, weight=(1.0, 3.0, 10.0)),
        head="two",
        objective=two_heads,
        scores=_softmax_head,
        set_scores=_multi_label_head,
    ),
}

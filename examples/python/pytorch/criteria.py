"""The losses by name, as modules: those of the demo, with the constants that it has chosen."""

from __future__ import annotations

from collections.abc import Callable

import geonames_demo  # noqa: F401
import topkloss.torch as modules
from losses import METHODS, Counts, Method
from torch import nn

CRITERIA: dict[str, Callable[[Counts, float], nn.Module]] = {
    "cross-entropy": lambda counts, _: modules.CrossEntropyLoss(),
    "logit-adjusted": lambda counts, tau: modules.LogitAdjustedLoss(counts, tau=tau),
    "ldam": lambda counts, margin: modules.LDAMLoss(counts, max_margin=margin),
    "elm": lambda counts, margin: modules.ELMLoss(counts, max_margin=margin),
    "noised-top5": lambda counts, epsilon: modules.NoisedTopKLoss(5, epsilon=epsilon),
    "noised-top5-exact": lambda counts, epsilon: modules.NoisedTopKLoss(
        5, epsilon=epsilon, estimator="exact"
    ),
    "noised-top5-imbalanced": lambda counts, margin: modules.NoisedTopKLoss(
        5, epsilon=0.1, class_counts=counts, max_margin=margin, scale=30.0
    ),
    "outlying-mse": lambda counts, power: modules.OutlyingMSELoss(
        counts, teacher="power", power=power
    ),
    "two-head": lambda counts, weight: modules.TwoHeadAverageKLoss(5, multi_label_weight=weight),
}


def method_of(name: str) -> Method:
    """What the demo knows of a loss: its title, the last layer it needs, how to rank by it."""
    return METHODS[name]


def criterion_of(name: str, counts: Counts) -> nn.Module:
    """The module of a loss. counts: training rows a class, shape (C,)."""
    return CRITERIA[name](counts, method_of(name).value)

"""The losses that are compared, as modules that take logits (N, C, H, W) and labels (N, H, W)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import topkloss.torch as losses
from topkloss.class_weights import inverse_frequency
from torch import nn

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Criterion:
    """A loss, made from the pixels of each class.

    Attributes:
        make: The module, from the counts, shape (C,), and the constant.
        value: The constant in use, of those that were tried; None where there is none.
    """

    make: Callable[[Counts, float], nn.Module]
    value: float | None = None
    tried: tuple[float, ...] = ()

    def module(self, counts: Counts, value: float | None = None) -> nn.Module:
        constant = self.value if value is None else value
        return self.make(counts, 0.0 if constant is None else constant)


def _weighted(counts: Counts, power: float) -> nn.Module:
    """Weights that fall with the root of the count, or another power: the usual remedy."""
    return losses.CrossEntropyLoss(class_weight=inverse_frequency(counts**power))


CRITERIA = {
    "cross-entropy": Criterion(lambda counts, _: losses.CrossEntropyLoss()),
    "weighted": Criterion(_weighted, 0.5, tried=(0.5, 1.0)),
    "logit-adjusted": Criterion(
        lambda counts, tau: losses.LogitAdjustedLoss(counts, tau=tau), 0.5, tried=(0.25, 0.5, 1.0)
    ),
    "seesaw": Criterion(lambda counts, _: losses.SeesawLoss(counts)),
    "outlying-mse": Criterion(
        lambda counts, alpha: losses.OutlyingMSELoss(counts, alpha=alpha),
        1.0,
        tried=(0.5, 1.0, 2.0),
    ),
}

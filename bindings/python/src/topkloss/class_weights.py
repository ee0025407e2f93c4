"""Class weights from class counts, to be passed to a loss as ``class_weight``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from topkloss._arguments import class_vector, number
from topkloss._arrays import Array, FloatVector
from topkloss.errors import TopKLossError


def _checked_counts(value: Any) -> FloatVector:
    counts = class_vector("counts", value)
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts > 0)))
    if wrong.size:
        raise TopKLossError(
            f"counts[{wrong[0]}] is {counts[wrong[0]]:g}; counts must be finite and above 0",
            "TOPKLOSS_ERROR_CLASS_COUNT",
        )
    return counts


def _with_mean_1(weights: FloatVector) -> FloatVector:
    return weights if weights.size == 0 else np.divide(weights, weights.mean())


def inverse_frequency(counts: Array) -> FloatVector:
    """Weights in inverse proportion to the counts.

    Args:
        counts: Number of training examples of each of C classes, finite and above 0.

    Returns:
        C float64 weights with mean 1.

    Raises:
        TopKLossError: A count is not finite or not above 0.
    """
    numbers = _checked_counts(counts)
    # Relative to the rarest class, so that neither tiny nor huge counts overflow.
    return _with_mean_1(numbers.min(initial=math.inf) / numbers)


def effective_number(counts: Array, beta: float = 0.9999) -> FloatVector:
    """Weights in inverse proportion to the effective numbers ``(1 - beta^n) / (1 - beta)``.

    beta = 0 weights all classes alike; beta towards 1 tends to `inverse_frequency`.

    Cui, Jia, Lin, Song and Belongie, "Class-balanced loss based on effective number of samples",
    CVPR 2019.

    Args:
        counts: Number of training examples of each of C classes, finite and above 0.
        beta: In [0, 1).

    Returns:
        C float64 weights with sum C, that is mean 1.

    Raises:
        TopKLossError: A count is not finite or not above 0, or beta is not in [0, 1).
    """
    numbers = _checked_counts(counts)
    share = number("beta", beta)
    if not 0 <= share < 1:
        raise TopKLossError(f"beta is {share}; it must be in [0, 1)", "TOPKLOSS_ERROR_OPTION")
    # 1 - beta^n, which expm1 keeps exact where beta^n is near 1.
    log_share = math.log(share) if share > 0 else -math.inf
    return _with_mean_1(-1 / np.expm1(numbers * log_share))

"""Class weights from class counts, to be passed to a loss as ``class_weight``."""

from __future__ import annotations

import numpy as np

from topkloss._address import address
from topkloss._arguments import class_vector, integer, number
from topkloss._arrays import Array, FloatVector
from topkloss._library import check, library


def inverse_frequency(counts: Array) -> FloatVector:
    """Weights in inverse proportion to the counts.

    Args:
        counts: Number of training examples of each of C classes, finite and above 0.

    Returns:
        C float64 weights with mean 1.

    Raises:
        TopKLossError: A count is not finite or not above 0.
    """
    numbers = class_vector("counts", counts)
    weights = np.empty_like(numbers)
    status = library.topkloss_inverse_frequency(len(numbers), address(numbers), address(weights))
    check(status, numbers)
    return weights


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
    numbers, share = class_vector("counts", counts), number("beta", beta)
    weights = np.empty_like(numbers)
    status = library.topkloss_effective_number(
        len(numbers), address(numbers), share, address(weights)
    )
    check(status, numbers)
    return weights


def deferred(weights: Array, *, epoch: int, start: int) -> FloatVector | None:
    """Deferred re-weighting: no weights before an epoch, and these from then on.

    Losses are immutable, so make one at the start of every epoch; that costs next to nothing:

        weights = topkloss.class_weights.effective_number(counts)
        for epoch in range(200):
            class_weight = topkloss.class_weights.deferred(weights, epoch=epoch, start=160)
            loss = topkloss.LDAMLoss(counts, class_weight=class_weight)
            ...

    A module of `topkloss.torch` takes them in any epoch: ``criterion.set_class_weight(...)``.

    Cao et al. lower the learning rate in the same epoch.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.

    Args:
        weights: Weight of each of C classes, from the functions above or any others.
        epoch: The current epoch, in whatever way epochs are numbered.
        start: The first epoch with weights.

    Returns:
        None, or the weights as C float64 numbers: what to pass as ``class_weight``.

    Raises:
        TopKLossError: The weights are no vector, or epoch or start no integer.
    """
    numbers = class_vector("weights", weights)
    return numbers if integer("epoch", epoch) >= integer("start", start) else None

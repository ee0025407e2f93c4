"""Class weights from class counts, to be passed to a loss as ``class_weight``."""

from __future__ import annotations

from ctypes import byref, sizeof

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import class_vector, integer, number
from topkloss._arrays import Array, FloatVector
from topkloss._library import check, library


def _weights(weighting: int, counts: Array, count_smoothing: float, **values: float) -> FloatVector:
    numbers = class_vector("counts", counts)
    options = _abi.class_weights_options()
    check(library.topkloss_class_weights_options_init(byref(options), sizeof(options)))
    options.classes, options.class_counts = len(numbers), address(numbers)
    options.count_smoothing = number("count_smoothing", count_smoothing)
    options.weighting = weighting
    for name, value in values.items():
        setattr(options, name, number(name, value))
    weights = np.empty_like(numbers)
    status = library.topkloss_class_weights(byref(options), address(weights))
    check(status, numbers, class_counts="counts")
    return weights


def inverse_frequency(counts: Array, *, count_smoothing: float = 0.0) -> FloatVector:
    """Weights in inverse proportion to the counts.

    Args:
        counts: Number of training examples of each of C classes, finite and above 0.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.

    Returns:
        C float64 weights with mean 1.

    Raises:
        TopKLossError: A count is not finite or not above 0.
    """
    return _weights(_abi.TOPKLOSS_INVERSE_FREQUENCY, counts, count_smoothing)


def effective_number(
    counts: Array, beta: float = 0.9999, *, count_smoothing: float = 0.0
) -> FloatVector:
    """Weights in inverse proportion to the effective numbers ``(1 - beta^n) / (1 - beta)``.

    beta = 0 weights all classes alike; beta towards 1 tends to `inverse_frequency`.

    Cui, Jia, Lin, Song and Belongie, "Class-balanced loss based on effective number of samples",
    CVPR 2019.

    Args:
        counts: Number of training examples of each of C classes, finite and above 0.
        beta: In [0, 1).
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.

    Returns:
        C float64 weights with sum C, that is mean 1.

    Raises:
        TopKLossError: A count is not finite or not above 0, or beta is not in [0, 1).
    """
    return _weights(_abi.TOPKLOSS_EFFECTIVE_NUMBER, counts, count_smoothing, beta=beta)


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

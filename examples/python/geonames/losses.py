"""The ways of training that the demo compares: a row of `METHODS` each.

This is the one place where topkloss losses are chosen. To compare another, add a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import topkloss
from numpy.typing import NDArray
from topkloss import posthoc
from training import Loss

Counts = NDArray[np.int64]
Scores = NDArray[np.float32]


def unchanged(scores: Scores, counts: Counts) -> Scores:
    """Predict with the scores as the model gives them."""
    return scores


def adjusted(scores: Scores, counts: Counts) -> Scores:
    """Predict with scores from which the logarithm of each class's frequency is taken."""
    result: Scores = posthoc.logit_adjust(scores, counts, tau=1.0)
    return result


@dataclass(frozen=True)
class Method:
    """A loss, the last layer it needs, and how to read the trained model's scores."""

    title: str
    """Its name in tables and pictures."""

    build: Callable[[Counts], Loss]
    """Makes the loss from the training rows a class, shape (C,)."""

    normalized: bool = False
    """Whether it expects cosines, from a normalised last layer."""

    read: Callable[[Scores, Counts], Scores] = unchanged
    """Turns the model's scores (N, C) into those to predict with."""

    trained_as: str | None = None
    """The method whose trained model this one uses, where it needs no training of its own."""

    softmax_scale: float | None = None
    """The factor on scores inside the softmax that it trains through; None: it uses no softmax."""


METHODS: dict[str, Method] = {
    "cross-entropy": Method(
        "Cross-entropy",
        lambda counts: topkloss.CrossEntropyLoss(),
        softmax_scale=1.0,
    ),
    "post-hoc": Method(
        "Post-hoc adjusted",
        lambda counts: topkloss.CrossEntropyLoss(),
        read=adjusted,
        trained_as="cross-entropy",
        softmax_scale=1.0,
    ),
    "logit-adjusted": Method(
        "Logit-adjusted",
        lambda counts: topkloss.LogitAdjustedLoss(counts),
        softmax_scale=1.0,
    ),
    "ldam": Method(
        "LDAM",
        lambda counts: topkloss.LDAMLoss(counts),
        normalized=True,
        softmax_scale=30.0,
    ),
    "elm": Method(
        "ELM",
        lambda counts: topkloss.ELMLoss(counts),
        normalized=True,
        softmax_scale=30.0,
    ),
    "noised-top5": Method(
        "Noised top-5, balanced",
        lambda counts: topkloss.NoisedTopKLoss(5, epsilon=1.0),
    ),
    "noised-top5-imbalanced": Method(
        "Noised top-5, imbalanced",
        lambda counts: topkloss.NoisedTopKLoss(
            5, epsilon=0.1, class_counts=counts, max_margin=0.4, scale=30.0
        ),
        normalized=True,
    ),
}


def model_of(name: str) -> str:
    """The method whose model has to be trained to use the named one."""
    return METHODS[name].trained_as or name

"""Made data with a long tail: the recipes download nothing.

Classes are clouds around centres of their own, so wide that neighbours overlap. The most frequent
class has a hundred times the rows of the rarest; in the test rows all classes are as frequent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from topkloss import metrics

CLASSES = 20
FEATURES = 16
WIDTH = 1.2
"""The standard deviation of a cloud, where centres are standard normal."""


@dataclass(frozen=True)
class Task:
    """What there is to learn.

    Attributes:
        inputs: Rows to train on, float32 of shape (N, FEATURES).
        labels: Their classes, int64 of shape (N,).
        test_inputs: Others, 100 of each class.
        test_labels: Their classes.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    test_inputs: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    def counts(self) -> NDArray[np.int64]:
        """The number of rows of each class to train on."""
        return np.bincount(self.labels, minlength=CLASSES)

    def class_average(self, scores_of: Callable[[NDArray[np.float32]], Any]) -> float:
        """The share of the test rows that a model has right."""
        scores = np.asarray(scores_of(self.test_inputs))
        return float(metrics.topk_accuracy(scores, self.test_labels, k=1, average="macro"))


def draw(most: int, seed: int = 0) -> Task:
    """A task with so many rows of the most frequent class, the same for the same seed."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLASSES, FEATURES))
    counts = np.maximum(np.geomspace(most, most / 100, CLASSES), 1).astype(np.int64)

    def rows(labels: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = rng.standard_normal((len(labels), FEATURES))
        return (centres[labels] + WIDTH * noise).astype(np.float32)

    labels = rng.permutation(np.repeat(np.arange(CLASSES), counts))
    test_labels = np.repeat(np.arange(CLASSES), 100)
    return Task(rows(labels), labels, rows(test_labels), test_labels)

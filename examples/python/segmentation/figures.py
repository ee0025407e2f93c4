"""What a segmentation is judged by, from the matrix of confusions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scenes import Labels

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Figures of one model on one set of scenes.

    Attributes:
        intersection_over_union: Of each class's pixels and those that were called it, shape (C,).
        accuracy: Share of each class's pixels that were called it, shape (C,).
        pixel_accuracy: Share of all pixels that were called what they are.
    """

    intersection_over_union: Numbers
    accuracy: Numbers
    pixel_accuracy: float

    @property
    def mean_iou(self) -> float:
        return float(self.intersection_over_union.mean())


def figures(labels: Labels, predictions: Labels, classes: int) -> Figures:
    """The figures of predictions. A class without any pixel, here or there, counts as found."""
    pairs = labels.ravel() * classes + predictions.ravel()
    confusions = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    right = np.diag(confusions)
    of_class, called = confusions.sum(1), confusions.sum(0)
    union = of_class + called - right
    return Figures(
        np.where(union > 0, right / np.maximum(union, 1), 1.0),
        np.where(of_class > 0, right / np.maximum(of_class, 1), 1.0),
        float(right.sum() / confusions.sum()),
    )

"""Top-K accuracy, also by how many training examples a class had."""

from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, NamedTuple

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import AVERAGES, choice, class_vector, integer, number
from topkloss._arrays import Array, FloatVector
from topkloss._evaluation import add_labels, add_sample_weight, describe
from topkloss._library import check, library
from topkloss._tally import Average, Tally, metric_options
from topkloss.errors import TopKLossError


class ShotAccuracy(NamedTuple):
    """Accuracy by how many training examples a row's class had; NaN where no row counts.

    Attributes:
        many: Of many-shot classes.
        medium: Of those between.
        few: Of few-shot classes.
    """

    many: float
    medium: float
    few: float


def _shot_options(
    class_counts: Array, many: float, few: float, average: Average, **values: Any
) -> tuple[Any, FloatVector]:
    """The options of shot accuracy, and the counts that they point to."""
    counts = class_vector("class_counts", class_counts)
    options = metric_options(
        "shot_accuracy",
        classes=len(counts),
        class_counts=address(counts),
        average=choice("average", average, AVERAGES),
        many=number("many", many),
        few=number("few", few),
        **values,
    )
    return options, counts


def topk_accuracy(
    scores: Array,
    labels: Array,
    k: int = 1,
    *,
    average: Average = "micro",
    sample_weight: Array | None = None,
    ignore_index: int = -100,
) -> float:
    """The share of rows whose label is among the K highest scores.

    A label is in the top K when fewer than K classes are strictly above it or tied with a lower
    index. NaN ranks below everything. `TopKAccuracy` adds up batches.

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), of shape (...), or ``ignore_index``.
        k: K, 1 or more; from C up every label is in the top K.
        average: ``"micro"``: the mean over rows. ``"macro"``: the mean over classes of each class's
            mean over its own rows; classes without rows are left out.
        sample_weight: How often each row counts: (...) finite numbers, 0 or more. Default 1.
        ignore_index: Label of rows to leave out.

    Returns:
        A number in [0, 1]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options = metric_options(
        "topk_accuracy",
        k=integer("k", k),
        ignore_index=integer("ignore_index", ignore_index),
        average=choice("average", average, AVERAGES),
    )
    batch, _rows = describe("scores", scores)
    _kept = add_labels(batch, labels), add_sample_weight(batch, sample_weight)
    accuracy = c_double()
    check(library.topkloss_topk_accuracy(byref(options), byref(batch), byref(accuracy)))
    return accuracy.value


def shot_accuracy(
    scores: Array,
    labels: Array,
    class_counts: Array,
    k: int = 1,
    many: float = 100,
    few: float = 20,
    *,
    average: Average = "micro",
    sample_weight: Array | None = None,
    ignore_index: int = -100,
) -> ShotAccuracy:
    """Top-K accuracy of many-shot, medium-shot and few-shot classes.

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), of shape (...), or ``ignore_index``.
        class_counts: Number of training examples of each of C classes, finite and 0 or more.
        k: K, 1 or more, as in `topk_accuracy`.
        many: Classes with more training examples are many-shot; finite, ``few`` or more.
        few: Classes with fewer training examples are few-shot; finite and 0 or more.
        average: ``"micro"`` or ``"macro"``, as in `topk_accuracy`, within each group.
        sample_weight: How often each row counts: (...) finite numbers, 0 or more. Default 1.
        ignore_index: Label of rows to leave out.

    Returns:
        Three numbers in [0, 1], NaN where no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options, _counts = _shot_options(
        class_counts,
        many,
        few,
        average,
        k=integer("k", k),
        ignore_index=integer("ignore_index", ignore_index),
    )
    batch, _rows = describe("scores", scores)
    _kept = add_labels(batch, labels), add_sample_weight(batch, sample_weight)
    accuracies = np.empty(3)
    check(library.topkloss_shot_accuracy(byref(options), byref(batch), address(accuracies)))
    return ShotAccuracy(*accuracies.tolist())


class TopKAccuracy(Tally):
    """The share of rows whose label is among the K highest scores, over any number of batches.

    `topk_accuracy` says when that is. An average of the accuracies of batches would be wrong, the
    more so over classes.

        accuracy = topkloss.metrics.TopKAccuracy(k=5, average="macro")
        for scores, labels in batches:
            accuracy.update(scores, labels)
        accuracy.compute(), accuracy.by_class(), accuracy.shots(class_counts)
    """

    def __init__(self, k: int = 1, *, average: Average = "micro", ignore_index: int = -100) -> None:
        """Begins with no rows.

        Args:
            k: K, 1 or more; from C up every label is in the top K.
            average: What `compute` gives: ``"micro"``, the mean over rows, or ``"macro"``, the mean
                over classes of each class's mean over its rows; classes without rows are left out.
            ignore_index: Label of rows to leave out.
        """
        super().__init__(average, ignore_index)
        self.k = integer("k", k)
        if self.k < 1:
            raise TopKLossError(f"k is {k}; it must be 1 or more", "TOPKLOSS_ERROR_OPTION")

    def __repr__(self) -> str:
        return f"TopKAccuracy(k={self.k}, average={self.average!r})"

    def shots(
        self,
        class_counts: Array,
        many: float = 100,
        few: float = 20,
        *,
        average: Average | None = None,
    ) -> ShotAccuracy:
        """The accuracies over many-shot, medium-shot and few-shot classes, as `shot_accuracy`.

        Args:
            class_counts: Number of training examples of each of C classes, finite and 0 or more.
            many: Classes with more training examples are many-shot; finite, ``few`` or more.
            few: Classes with fewer training examples are few-shot; finite and 0 or more.
            average: Over rows or over classes, within each group. Default: as `compute`.
        """
        average = self.average if average is None else average
        options, counts = _shot_options(class_counts, many, few, average)
        hits, weights = self.hits, self.weights
        if not len(weights):
            hits = weights = np.zeros(len(counts))
        elif len(weights) != len(counts):
            raise TopKLossError(
                f"class_counts has {len(counts)} classes, the scores had {len(weights)}",
                "TOPKLOSS_ERROR_SIZE",
            )
        means = np.empty(3)
        arrays = address(hits), address(weights)
        check(library.topkloss_tally_shots(byref(options), *arrays, address(means)))
        return ShotAccuracy(*means.tolist())

    def _tally(self, batch: _abi.batch) -> int:
        options = metric_options("topk_accuracy", k=self.k, ignore_index=self.ignore_index)
        arrays = address(self.hits), address(self.weights)
        return int(library.topkloss_tally_topk(byref(options), byref(batch), *arrays))

    def _has_options_of(self, other: TopKAccuracy) -> bool:
        return super()._has_options_of(other) and self.k == other.k

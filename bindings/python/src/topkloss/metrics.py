"""Measures of how good predictions are."""

from __future__ import annotations

from ctypes import byref, c_double, sizeof
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import AVERAGES, choice, class_vector, integer, number
from topkloss._arrays import Array
from topkloss._evaluation import add_labels, describe
from topkloss._library import check, library

Average: TypeAlias = Literal["micro", "macro"]


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


def _options(name: str, **values: Any) -> Any:
    """The options of a metric, with what is not given at its default."""
    options = _abi.INITIALISED[f"{name}_options"]()
    check(getattr(library, f"topkloss_{name}_options_init")(byref(options), sizeof(options)))
    for member, value in values.items():
        setattr(options, member, value)
    return options


def topk_accuracy(
    scores: Array,
    labels: Array,
    k: int = 1,
    average: Average = "micro",
    *,
    ignore_index: int = -100,
) -> float:
    """The share of rows whose label is among the K highest scores.

    A label is in the top K when fewer than K classes are strictly above it or tied with a lower
    index. NaN ranks below everything.

    Args:
        scores: Scores, of shape (B, C), in float32, float64, float16 or bfloat16.
        labels: B class indices in [0, C), or ``ignore_index``.
        k: K, 1 or more; from C up every label is in the top K.
        average: ``"micro"``: the mean over rows. ``"macro"``: the mean over classes of each class's
            mean over its own rows; classes without rows are left out.
        ignore_index: Label of rows to leave out.

    Returns:
        A number in [0, 1]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options = _options(
        "topk_accuracy",
        k=integer("k", k),
        ignore_index=integer("ignore_index", ignore_index),
        average=choice("average", average, AVERAGES),
    )
    batch, _rows = describe("scores", scores)
    _labels = add_labels(batch, labels)
    accuracy = c_double()
    check(library.topkloss_topk_accuracy(byref(options), byref(batch), byref(accuracy)))
    return accuracy.value


def average_k_accuracy(
    scores: Array,
    labels: Array,
    k: float,
    average: Average = "micro",
    *,
    ignore_index: int = -100,
) -> float:
    """The share of rows whose label is in the row's set, where sets have K classes on average.

    The round(B K) (halves to even) highest of all scores are kept, of equal ones the first by row,
    then by class. NaN is never kept.

    Args:
        scores: Scores, of shape (B, C), in float32, float64, float16 or bfloat16.
        labels: B class indices in [0, C), or ``ignore_index``.
        k: K, above 0 and below C; need not be whole.
        average: ``"micro"``: the mean over rows. ``"macro"``: the mean over classes of each class's
            mean over its own rows; classes without rows are left out.
        ignore_index: Label of rows to leave out; they have no sets and do not count in B.

    Returns:
        A number in [0, 1]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options = _options(
        "average_k_accuracy",
        k=number("k", k),
        ignore_index=integer("ignore_index", ignore_index),
        average=choice("average", average, AVERAGES),
    )
    batch, _rows = describe("scores", scores)
    _labels = add_labels(batch, labels)
    accuracy = c_double()
    check(library.topkloss_average_k_accuracy(byref(options), byref(batch), byref(accuracy)))
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
    ignore_index: int = -100,
) -> ShotAccuracy:
    """Top-K accuracy of many-shot, medium-shot and few-shot classes.

    Args:
        scores: Scores, of shape (B, C), in float32, float64, float16 or bfloat16.
        labels: B class indices in [0, C), or ``ignore_index``.
        class_counts: Number of training examples of each of C classes, finite and 0 or more.
        k: K, 1 or more, as in `topk_accuracy`.
        many: Classes with more training examples are many-shot; finite, ``few`` or more.
        few: Classes with fewer training examples are few-shot; finite and 0 or more.
        average: ``"micro"`` or ``"macro"``, as in `topk_accuracy`, within each group.
        ignore_index: Label of rows to leave out.

    Returns:
        Three numbers in [0, 1], NaN where no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    counts = class_vector("class_counts", class_counts)
    options = _options(
        "shot_accuracy",
        classes=len(counts),
        class_counts=address(counts),
        k=integer("k", k),
        ignore_index=integer("ignore_index", ignore_index),
        average=choice("average", average, AVERAGES),
        many=number("many", many),
        few=number("few", few),
    )
    batch, _rows = describe("scores", scores)
    _labels = add_labels(batch, labels)
    accuracies = np.empty(3)
    check(library.topkloss_shot_accuracy(byref(options), byref(batch), address(accuracies)))
    return ShotAccuracy(*accuracies.tolist())

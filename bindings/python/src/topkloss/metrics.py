"""Measures of how good predictions are."""

from __future__ import annotations

from ctypes import byref, c_double, sizeof
from typing import Literal

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import AVERAGES, choice, integer
from topkloss._arrays import Array, element_stride, label_vector, matrix
from topkloss._evaluation import BATCH_SIZE
from topkloss._library import check, library


def topk_accuracy(
    scores: Array,
    labels: Array,
    k: int = 1,
    average: Literal["micro", "macro"] = "micro",
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
    options = _abi.topk_accuracy_options()
    check(library.topkloss_topk_accuracy_options_init(byref(options), sizeof(options)))
    options.k = integer("k", k)
    options.ignore_index = integer("ignore_index", ignore_index)
    options.average = choice("average", average, AVERAGES)

    rows, dtype = matrix("scores", scores)
    indices, label_type = label_vector("labels", labels, rows.shape[0])
    batch = _abi.batch(BATCH_SIZE, *rows.shape, dtype, label_type)
    batch.logits = address(rows)
    batch.logits_row_stride = element_stride(rows, 0)
    batch.labels = address(indices)
    accuracy = c_double()
    check(library.topkloss_topk_accuracy(byref(options), byref(batch), byref(accuracy)))
    return accuracy.value

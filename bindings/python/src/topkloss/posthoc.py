"""Adjustments of a trained model's scores."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import class_vector, number
from topkloss._arrays import Array, element_stride, matrix
from topkloss._evaluation import BATCH_SIZE
from topkloss._library import check, library
from topkloss._output import Output


def logit_adjust(
    scores: Array,
    class_counts: Array,
    tau: float = 1.0,
    *,
    count_smoothing: float = 0.0,
    out: Any = None,
) -> Any:
    """Post-hoc logit adjustment: ``z_j - tau log pi_j`` for every row, pi the class frequencies.

    Train with plain cross-entropy, then predict from the adjusted scores.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.

    Args:
        scores: Logits, of shape (B, C), in float32, float64, float16 or bfloat16.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        tau: Strength of the adjustment, finite.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        out: Receives the result: a writable matrix of the shape and dtype of the scores, perhaps
            the scores themselves. Default: a new NumPy array.

    Returns:
        The adjusted scores, of shape (B, C) and the dtype of the scores: ``out`` if there is one.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value. Nothing has been written.
    """
    counts = class_vector("class_counts", class_counts)
    options = _abi.logit_adjust_options()
    check(library.topkloss_logit_adjust_options_init(byref(options), sizeof(options)))
    options.classes = len(counts)
    options.class_counts = address(counts)
    options.count_smoothing = number("count_smoothing", count_smoothing)
    options.tau = number("tau", tau)

    rows, dtype = matrix("scores", scores)
    batch = _abi.batch(BATCH_SIZE, *rows.shape, dtype)
    batch.logits = address(rows)
    batch.logits_row_stride = element_stride(rows, 0)
    output = Output("out", out, rows, dtype)
    check(
        library.topkloss_logit_adjust(
            byref(options), byref(batch), address(output.buffer), element_stride(output.buffer, 0)
        )
    )
    output.finish()
    return output.target

"""After training: adjusted scores, and sets of classes of a given average size."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import class_vector, flag, integer, number
from topkloss._arrays import Array, element_stride
from topkloss._evaluation import describe
from topkloss._library import check, library
from topkloss._output import Output

if TYPE_CHECKING:
    from typing_extensions import Self


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

    batch, rows = describe("scores", scores)
    output = Output("out", out, rows, batch.dtype, batch.shape)
    status = library.topkloss_logit_adjust(
        byref(options), byref(batch), address(output.buffer), element_stride(output.buffer, 0)
    )
    check(status, counts)
    output.finish()
    return output.target


class Threshold(float):
    """A threshold on scores that keeps an exact number of (row, class) pairs, ties or not.

    It keeps the scores above it, and of those that equal it the first ``ties``, row by row and then
    by class. It is a float: for scores without ties, or for other scores than it was made from, it
    may be used as one.

    Attributes:
        ties: How many of the scores that equal it are kept; -1: all.
    """

    ties: int

    def __new__(cls, value: float, ties: int = -1) -> Self:
        """Makes a float that knows how many ties it keeps."""
        threshold = super().__new__(cls, number("value", value))
        threshold.ties = integer("ties", ties)
        return threshold

    def __repr__(self) -> str:
        return f"Threshold({float(self)!r}, ties={self.ties})"


def average_k_threshold(scores: Array, k: float) -> Threshold:
    """The threshold with which the sets of the given rows have K classes on average.

    It keeps exactly round(B K) (halves to even) of the B C pairs, if so many scores are not NaN,
    which is never kept. Its value is the midpoint of the last kept score and the first that is not,
    +inf if none is kept. It is found by counting: no second copy of the scores is made.

    Choose it on rows that were not trained on, and hand it to `predict_sets`.

    Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K
    classification", WACV 2025 (arXiv 2303.18118, 2023).

    Args:
        scores: Scores, of shape (B, C), in float32, float64, float16 or bfloat16.
        k: K, above 0 and below C; need not be whole.

    Returns:
        The threshold, a float that knows how many of the scores equal to it are kept.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    batch, _rows = describe("scores", scores)
    found = _abi.threshold(sizeof(_abi.threshold))
    check(library.topkloss_average_k_threshold(number("k", k), byref(batch), byref(found)))
    return Threshold(found.value, found.ties)


def predict_sets(
    scores: Array, threshold: float, *, never_empty: bool = False
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The set of classes of every row that a threshold keeps, as compressed sparse rows.

    The classes of row i, in increasing order, are ``indices[indptr[i]:indptr[i + 1]]``; with SciPy,
    ``csr_array((np.ones(len(indices)), indices, indptr), shape)`` has a one for each of them.

    Args:
        scores: Scores, of shape (B, C), in float32, float64, float16 or bfloat16. NaN is never
            kept.
        threshold: From `average_k_threshold`, or a number, not NaN, that keeps every score at or
            above it.
        never_empty: Give a row whose set would be empty its best class, the lowest index among
            equals. Rows of NaN alone stay empty.

    Returns:
        indptr, of B + 1 int64 numbers, and indices, of as many classes as are kept.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    batch, rows = describe("scores", scores)
    ties = threshold.ties if isinstance(threshold, Threshold) else -1
    keep = _abi.threshold(sizeof(_abi.threshold), number("threshold", threshold), ties)
    head = byref(keep), int(flag("never_empty", never_empty)), byref(batch)
    indptr = np.empty(len(rows) + 1, np.int64)
    # The first call counts, the second writes.
    check(library.topkloss_predict_sets(*head, address(indptr), None, 0))
    indices = np.empty(indptr[-1], np.int64)
    check(library.topkloss_predict_sets(*head, address(indptr), address(indices), len(indices)))
    return indptr, indices

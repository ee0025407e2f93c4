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
from topkloss._thresholds import read_threshold, threshold_struct
from topkloss.errors import TopKLossError

if TYPE_CHECKING:
    from typing_extensions import Self


def logit_adjust(
    scores: Array,
    class_counts: Array,
    tau: float = 1.0,
    *,
    target_prior: Array | None = None,
    count_smoothing: float = 0.0,
    out: Any = None,
) -> Any:
    """Post-hoc logit adjustment: ``z_j - tau log pi_j`` for every row, pi the class frequencies.

    Train with plain cross-entropy, then predict from the adjusted scores. Without a target prior
    all classes are taken to be as likely where you predict; with one, pi', the scores are
    ``z_j - tau log pi_j + log pi'_j``.

    tau = 1 is right for a model whose softmax is calibrated; tune it over 0.25, 0.5, 0.75 and 1 on
    validation rows. Too large a tau gives nearly everything to the rarest classes.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.

    Args:
        scores: Logits, of shape (..., C), in float32, float64, float16 or bfloat16.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        tau: Strength of the adjustment, finite.
        target_prior: How frequent each of C classes is where you predict, but for a common factor:
            finite, 0 or more, not all 0. A class of prior 0 gets the score -inf.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        out: Receives the result: a writable matrix of the shape and dtype of the scores, perhaps
            the scores themselves. Default: a new NumPy array.

    Returns:
        The adjusted scores, of shape (..., C) and the dtype of the scores: ``out`` if there is one.

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
    prior = None if target_prior is None else class_vector("target_prior", target_prior)
    if prior is not None:
        if len(prior) != len(counts):
            raise TopKLossError(
                f"target_prior has {len(prior)} classes, class_counts has {len(counts)}",
                "TOPKLOSS_ERROR_SIZE",
            )
        options.target_prior = address(prior)

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

    Choose it on validation rows, and hand it to `predict_sets` for others.

    Scores have to be comparable across rows: probabilities (of a softmax, say), or the logits of a
    multi-label head. The logits of a softmax head are not: adding a number to a row changes none
    of its probabilities and moves all its scores over the threshold. Take their softmax first.
    Nothing warns of it, as a multi-label head's logits, which are fine, look just the same.

    Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K
    classification", WACV 2025 (arXiv 2303.18118, 2023).

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        k: K, above 0 and below C; need not be whole.

    Returns:
        The threshold, a float that knows how many of the scores equal to it are kept: all (-1)
        unless the last that is kept has equals that are not.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    batch, _rows = describe("scores", scores)
    found = _abi.threshold(sizeof(_abi.threshold))
    check(library.topkloss_average_k_threshold(number("k", k), byref(batch), byref(found)))
    return Threshold(found.value, found.ties)


def predict_sets(
    scores: Array, threshold: float | Array, *, never_empty: bool = False
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The set of classes of every row that a threshold keeps, as compressed sparse rows.

    The classes of row i, in increasing order, are ``indices[indptr[i]:indptr[i + 1]]``; with SciPy,
    ``csr_array((np.ones(len(indices)), indices, indptr), shape)`` has a one for each of them.

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16. NaN is never
            kept.
        threshold: From `average_k_threshold`, or a number, not NaN, that keeps every score at or
            above it; or one for each of C classes, from `topkloss.conformal.thresholds`, say, that
            keep the scores at or above their class's.
        never_empty: Give a row whose set would be empty its best class, the lowest index among
            equals. Rows of NaN alone stay empty.

    Returns:
        indptr, of B + 1 int64 numbers, and indices, of as many classes as are kept.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    batch, rows = describe("scores", scores)
    given = read_threshold(threshold)
    keep = threshold_struct(given, given.ties if isinstance(given, Threshold) else -1)
    head = byref(keep), int(flag("never_empty", never_empty)), byref(batch)
    indptr = np.empty(len(rows) + 1, np.int64)
    # The first call counts, the second writes.
    check(library.topkloss_predict_sets(*head, address(indptr), None, 0))
    indices = np.empty(indptr[-1], np.int64)
    check(library.topkloss_predict_sets(*head, address(indptr), address(indices), len(indices)))
    return indptr, indices

"""How often sets contain the label, and how large they are."""

from __future__ import annotations

from ctypes import byref, c_double

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import AVERAGES, choice, flag, integer, number
from topkloss._arrays import Array, FloatVector
from topkloss._evaluation import add_labels, add_sample_weight, describe
from topkloss._library import check, library
from topkloss._tally import Average, Tally, metric_options
from topkloss._thresholds import read_threshold, threshold_struct
from topkloss.errors import TopKLossError


def average_k_accuracy(
    scores: Array,
    labels: Array,
    k: float,
    *,
    threshold: float | Array | None = None,
    average: Average = "micro",
    sample_weight: Array | None = None,
    ignore_index: int = -100,
) -> float:
    """The share of rows whose label is in the row's set, where sets have K classes on average.

    With a threshold, from `topkloss.posthoc.average_k_threshold` on validation rows, this is the
    honest figure: a set has the scores at or above it. How large the sets are then on average,
    K more or less, `average_set_size` tells.

    It is `set_coverage`, which `SetCoverage` adds up over batches.

    Without one it is an oracle's, of a threshold chosen on the rows that it judges: the round(B K)
    (halves to even) highest of all scores are kept, of equal ones the first by row, then by class.
    NaN is never kept.

    Scores have to be comparable across rows: probabilities, say, not the logits of a softmax head,
    of which `topkloss.posthoc.average_k_threshold` says more.

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), of shape (...), or ``ignore_index``.
        k: K, above 0 and below C; need not be whole. With a threshold only said, not used.
        threshold: From validation rows; its ties, which are places among those, are not looked at.
        average: ``"micro"``: the mean over rows. ``"macro"``: the mean over classes of each class's
            mean over its own rows; classes without rows are left out.
        sample_weight: Finite numbers, 0 or more, of shape (...): how often each row counts; sets
            do not depend on them. Default 1.
        ignore_index: Label of rows to leave out; they have no sets and do not count in B.

    Returns:
        A number in [0, 1]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    size = number("k", k)
    if threshold is not None:
        return set_coverage(
            scores,
            labels,
            threshold,
            average=average,
            sample_weight=sample_weight,
            ignore_index=ignore_index,
        )
    options = metric_options(
        "average_k_accuracy",
        k=size,
        ignore_index=integer("ignore_index", ignore_index),
        average=choice("average", average, AVERAGES),
    )
    batch, _rows = describe("scores", scores)
    _kept = add_labels(batch, labels), add_sample_weight(batch, sample_weight)
    accuracy = c_double()
    check(library.topkloss_average_k_accuracy(byref(options), byref(batch), byref(accuracy)))
    return accuracy.value


def set_coverage(
    scores: Array,
    labels: Array,
    threshold: float | Array,
    *,
    average: Average = "micro",
    sample_weight: Array | None = None,
    ignore_index: int = -100,
) -> float:
    """The share of rows whose label is in the row's set: the scores at or above a threshold.

    Args:
        scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16. NaN is never
            kept.
        labels: Class indices in [0, C), of shape (...), or ``ignore_index``. Only their
            scores are read.
        threshold: A number, not NaN, or one for each of C classes. The ties of a
            `topkloss.posthoc.Threshold`, which are places among other rows, are not looked at.
        average: ``"micro"``: the mean over rows. ``"macro"``: the mean over classes of each class's
            mean over its own rows; classes without rows are left out.
        sample_weight: How often each row counts: (...) finite numbers, 0 or more. Default 1.
        ignore_index: Label of rows to leave out.

    Returns:
        A number in [0, 1]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    coverage = SetCoverage(threshold, average=average, ignore_index=ignore_index, with_sizes=False)
    coverage.update(scores, labels, sample_weight=sample_weight)
    return coverage.compute()


def average_set_size(
    scores: Array, threshold: float | Array, *, sample_weight: Array | None = None
) -> float:
    """How many classes of a row are at or above a threshold, on average.

    Args:
        scores: Scores, of shape (..., C), as for `set_coverage`.
        threshold: As for `set_coverage`.
        sample_weight: As for `set_coverage`.

    Returns:
        A number in [0, C]; 0 without rows.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    coverage = SetCoverage(threshold)
    coverage._add(scores, None, sample_weight)
    return coverage.average_size()


def coverage_shortfall(
    scores: Array,
    labels: Array,
    threshold: float | Array,
    coverage: float,
    *,
    sample_weight: Array | None = None,
    ignore_index: int = -100,
) -> float:
    """By how much classes are covered less than they should be: the mean of (coverage - own)+.

    The mean is over the classes with rows; one that is covered too well does not make up for
    another.

    Args:
        scores: As for `set_coverage`.
        labels: As for `set_coverage`.
        threshold: As for `set_coverage`.
        coverage: The coverage wanted, above 0 and at most 1.
        sample_weight: As for `set_coverage`.
        ignore_index: As for `set_coverage`.

    Returns:
        A number in [0, coverage]; 0 if no row counts.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    found = SetCoverage(threshold, ignore_index=ignore_index, with_sizes=False)
    found.update(scores, labels, sample_weight=sample_weight)
    return found.shortfall(coverage)


class SetCoverage(Tally):
    """How often sets contain the label, and how large they are, over any number of batches.

    The sets keep the scores at or above a threshold.

        coverage = topkloss.metrics.SetCoverage(thresholds)
        for probabilities, labels in batches:
            coverage.update(probabilities, labels)
        coverage.compute(), coverage.average_size(), coverage.shortfall(0.9)
    """

    _names = ("hits", "sizes", "weights")

    def __init__(
        self,
        threshold: float | Array,
        *,
        average: Average = "micro",
        ignore_index: int = -100,
        with_sizes: bool = True,
    ) -> None:
        """Begins with no rows.

        Args:
            threshold: A number, not NaN, or one for each of C classes. The ties of a
                `topkloss.posthoc.Threshold`, which are places among other rows, are not looked at.
            average: What `compute` gives: ``"micro"``, the mean over rows, or ``"macro"``, the mean
                over classes of each class's mean over its rows; classes without rows are left out.
            ignore_index: Label of rows to leave out.
            with_sizes: Whether to measure the sets; if not, only the labels' own scores are read.
        """
        super().__init__(average, ignore_index)
        self.threshold = read_threshold(threshold)
        self.with_sizes = flag("with_sizes", with_sizes)

    def __repr__(self) -> str:
        is_one = isinstance(self.threshold, float)
        shown = repr(self.threshold) if is_one else f"<{np.size(self.threshold)} classes>"
        return f"SetCoverage({shown}, average={self.average!r})"

    @property
    def sizes(self) -> FloatVector:
        """For each of C classes, the weighted sizes of the sets of its rows."""
        return self._sums["sizes"]

    def average_size(self, average: Average | None = None) -> float:
        """The average size of the sets, over rows or over classes as `compute`; 0 of no row."""
        self._require_sizes()
        return self._mean(self.sizes, self.average if average is None else average)

    def size_by_class(self) -> FloatVector:
        """The average size of the sets of each class's rows; NaN for classes without rows."""
        self._require_sizes()
        return self._ratios(self.sizes)

    def shortfall(self, coverage: float) -> float:
        """By how much classes are covered less than they should be: `coverage_shortfall`.

        Args:
            coverage: The coverage wanted, above 0 and at most 1.
        """
        wanted = number("coverage", coverage)
        shortfall = c_double()
        # Without rows so far, those of a class without weight.
        hits, weights = (sums if len(sums) else np.zeros(1) for sums in (self.hits, self.weights))
        arrays = address(hits), address(weights)
        check(library.topkloss_tally_shortfall(wanted, len(hits), *arrays, byref(shortfall)))
        return shortfall.value

    def _require_sizes(self) -> None:
        if not self.with_sizes:
            raise TopKLossError(
                "with_sizes is False; sets were not measured", "TOPKLOSS_ERROR_OPTION"
            )

    def _tally(self, batch: _abi.batch) -> int:
        threshold = threshold_struct(self.threshold)
        sizes = address(self.sizes) if self.with_sizes else None
        arrays = address(self.hits), sizes, address(self.weights)
        function = library.topkloss_tally_sets
        return int(function(byref(threshold), self.ignore_index, byref(batch), *arrays))

    def _has_options_of(self, other: SetCoverage) -> bool:
        return (
            super()._has_options_of(other)
            and self.with_sizes == other.with_sizes
            and np.array_equal(np.asarray(self.threshold), np.asarray(other.threshold))
        )

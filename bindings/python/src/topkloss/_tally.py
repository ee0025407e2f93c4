"""Metrics over several batches: what the rows of each class came to, added up."""

from __future__ import annotations

from ctypes import byref, c_double, sizeof
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import AVERAGES, choice, integer
from topkloss._arrays import Array, FloatVector
from topkloss._evaluation import add_labels, add_sample_weight, describe
from topkloss._library import check, library
from topkloss.errors import TopKLossError

if TYPE_CHECKING:
    from typing_extensions import Self

Average: TypeAlias = Literal["micro", "macro"]


def metric_options(name: str, **values: Any) -> Any:
    """The options of a metric, with what is not given at its default."""
    options = _abi.INITIALISED[f"{name}_options"]()
    check(getattr(library, f"topkloss_{name}_options_init")(byref(options), sizeof(options)))
    for member, value in values.items():
        setattr(options, member, value)
    return options


class Tally:
    """Sums by class over any number of batches, from which a metric's figures follow.

    Copies and pickles are tallies of their own. One tally is not for several threads at once: give
    each its own, and merge them.

    Its sums are float64 arrays, empty before the first batch, and may be changed in place: to sum
    them over machines, say.
    """

    _names: ClassVar[tuple[str, ...]] = ("hits", "weights")

    # By name. Not attributes, so that the library is never handed an array of another kind.
    _sums: dict[str, FloatVector]

    def __init__(self, average: Average, ignore_index: int) -> None:
        """Begins with no rows."""
        choice("average", average, AVERAGES)
        self.average: Average = average
        self.ignore_index = integer("ignore_index", ignore_index)
        self.reset()

    @property
    def hits(self) -> FloatVector:
        """For each of C classes, the weights of its rows whose label was found."""
        return self._sums["hits"]

    @property
    def weights(self) -> FloatVector:
        """For each of C classes, the weights of its rows."""
        return self._sums["weights"]

    def update(self, scores: Array, labels: Array, *, sample_weight: Array | None = None) -> None:
        """Adds a batch.

        Args:
            scores: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
            labels: Class indices in [0, C), of shape (...), or ``ignore_index``.
            sample_weight: How often each row counts: (...) finite numbers, 0 or more. Default 1.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value. Nothing has been added.
        """
        self._add(scores, labels, sample_weight)

    def reset(self) -> None:
        """Forgets all rows."""
        self._set_classes(0)

    def merge(self, *others: Self) -> None:
        """Adds what other tallies of the same options have counted.

        Args:
            others: Tallies, which stay as they are.

        Raises:
            TopKLossError: One has other options, or other classes. Nothing has been added.
        """
        for other in others:
            if type(other) is not type(self) or not self._has_options_of(other):
                raise TopKLossError(
                    f"{other!r} cannot be merged into {self!r}", "TOPKLOSS_ERROR_OPTION"
                )
        counted = [other for other in others if len(other.weights)]
        numbers = sorted({len(each.weights) for each in (self, *counted)} - {0})
        if len(numbers) > 1:
            raise TopKLossError(
                f"the tallies have {' and '.join(map(str, numbers))} classes", "TOPKLOSS_ERROR_SIZE"
            )
        for other in counted:
            self._require_classes(len(other.weights))
            for name, sums in self._sums.items():
                sums += other._sums[name]

    def compute(self) -> float:
        """The figure of all rows so far, over rows or over classes; 0 if no row counts."""
        return self._mean(self.hits, self.average)

    def by_class(self) -> FloatVector:
        """The figure of each of C classes; NaN for those without rows."""
        return self._ratios(self.hits)

    def _set_classes(self, classes: int) -> None:
        self._sums = {name: np.zeros(classes) for name in self._names}

    def _require_classes(self, classes: int) -> None:
        if not len(self.weights):
            self._set_classes(classes)
        elif len(self.weights) != classes:
            raise TopKLossError(
                f"the scores have {classes} classes, those before had {len(self.weights)}",
                "TOPKLOSS_ERROR_SIZE",
            )

    def _add(self, scores: Array, labels: Array | None, sample_weight: Array | None) -> None:
        batch, _rows = describe("scores", scores)
        # Without labels all rows count for the first class.
        given = np.zeros(batch.lead, np.int64) if labels is None else labels
        _kept = add_labels(batch, given), add_sample_weight(batch, sample_weight)
        is_first = not len(self.weights)
        self._require_classes(batch.classes)
        try:
            check(self._tally(batch))
        except TopKLossError:
            if is_first:
                self.reset()
            raise

    def _tally(self, batch: _abi.batch) -> int:
        raise NotImplementedError

    def _has_options_of(self, other: Any) -> bool:
        return bool(self.ignore_index == other.ignore_index)

    def _mean(self, sums: FloatVector, average: Average) -> float:
        code = choice("average", average, AVERAGES)
        if not len(sums):
            return 0.0
        mean = c_double()
        arrays = address(sums), address(self.weights)
        check(library.topkloss_tally_average(code, len(sums), *arrays, byref(mean)))
        return mean.value

    def _ratios(self, sums: FloatVector) -> FloatVector:
        ratios = np.full(len(sums), np.nan)
        np.divide(sums, self.weights, out=ratios, where=self.weights > 0)
        return ratios

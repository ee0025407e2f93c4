"""The threshold of a batch's candidates, where its scores are there a chunk of rows at a time."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from topkloss._arrays import AnyArray
from topkloss._average_k import TwoHeadAverageKLoss
from topkloss._softmax_margin import CrossEntropyLoss
from topkloss.posthoc import average_k_threshold

_LARGEST_LOSS = CrossEntropyLoss(reduction="none")

_given: weakref.WeakKeyDictionary[TwoHeadAverageKLoss, TwoHeadAverageKLoss] = (
    weakref.WeakKeyDictionary()
)


def with_given_threshold(loss: TwoHeadAverageKLoss) -> TwoHeadAverageKLoss:
    """The same loss, made once, whose candidates are those at or above a threshold it is given."""
    found = _given.get(loss)
    if found is None:
        found = _given[loss] = loss._with(threshold_decay=1.0)
    return found


class Candidates:
    """The highest probabilities of a batch, as logarithms: round(B K) of them and the next."""

    def __init__(self, k: float, rows: int) -> None:
        """Begins with none.

        Args:
            k: The loss's K.
            rows: B, the rows that are not ignored.
        """
        self._k, self._rows = k, 0
        self._most = round(rows * k) + 1  # halves to even, as in the library
        self._total = 0
        self._rounding = 0.0
        self._kept: AnyArray = np.empty(0)

    def add(self, logits: AnyArray) -> None:
        """Adds rows of the softmax head, (B, C) in float32 or float64, which are written over.

        Rows with NaN or +inf have no candidates, and do not count: nor do ignored ones, made so.
        """
        peaks = logits.argmax(axis=1)
        peak = np.take_along_axis(logits, peaks[:, None], axis=1)
        # The loss of the largest class is the logarithm of the sum of e^(z - peak).
        log_sum: Any = _LARGEST_LOSS(logits, peaks)
        counted = ~np.isnan(log_sum)
        is_masked = np.isneginf(peak[:, 0])
        log_sum[is_masked & counted] = 0
        peak[is_masked & counted] = 0
        logits -= peak
        logits -= log_sum[:, None]
        logits[~counted] = np.nan
        count = int(counted.sum())
        if count * logits.shape[1] > self._most:
            highest = logits[logits >= average_k_threshold(logits, self._most / len(logits))]
        else:
            highest = logits[counted].ravel()
        self.add_highest(highest, count, logits.shape[1])

    def add_highest(self, scores: AnyArray, rows: int, classes: int) -> None:
        """Adds what may be among the highest of some rows, of which so many count."""
        self._rounding = 64 * float(np.finfo(scores.dtype).eps)
        self._rows += rows
        self._total += rows * classes
        kept = np.concatenate([self._kept, scores.astype(np.float64)])
        if len(kept) > self._most:
            kept = np.partition(kept, len(kept) - self._most)[-self._most :]
        self._kept = kept

    @property
    def most(self) -> int:
        """How many scores of some rows can matter at the most."""
        return self._most

    @property
    def threshold(self) -> float:
        """The midpoint of the last candidate's probability and the next one's; 0 without rows.

        With it candidates are all that are equal to the last one, but for rounding.
        """
        wanted = round(self._rows * self._k)
        if not self._rows:
            return 0.0
        if not wanted:
            return 1.0
        if wanted >= self._total:  # all of them; to the library 0 would be no threshold
            return math.ulp(0.0)
        score, after = np.sort(self._kept)[::-1][wanted - 1 : wanted + 1]
        if score == -np.inf:
            return math.ulp(0.0)
        # Products of rows differ in their last bits with the rows that are beside them: what is as
        # near as that is equal.
        near = self._rounding * max(1.0, abs(score))
        last, following = np.exp([score, after])
        middle = last * (1 - near) if score - after <= near else last / 2 + following / 2
        return max(float(middle), math.ulp(0.0))

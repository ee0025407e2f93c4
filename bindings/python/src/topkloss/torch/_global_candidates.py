"""The candidates of a two-head loss, of a batch that several processes have parts of.

They are the round(B K) highest of all ranks' log-probabilities, of equal ones those of the lowest
rank, row and class. Neither scores nor their order travel: as within the library, each score has a
whole number for a key, in the same order, and the key of the last candidate is found digit by
digit, from counts of how many keys have which value of a digit (2048 numbers), summed over ranks.

Then each rank knows how many of its own scores are candidates, n of them, and these are its n
highest. So it asks the library for a loss of K = n / rows, which finds just those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from topkloss.torch._global_rows import RowPieces
from topkloss.torch._ranks import Ranks

_DIGIT_BITS = 11
_INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}


class Selected(NamedTuple):
    """How a rank's part is evaluated.

    Attributes:
        loss: What to evaluate it with.
        threshold: With a moving average: the threshold that chose the candidates of all ranks.
    """

    loss: Any
    threshold: float


class _Normalization(NamedTuple):
    """What makes log-probabilities of some rows: (z - peak) - log_sum of those that count."""

    counts: Tensor
    peak: Tensor
    log_sum: Tensor

    @classmethod
    def of(cls, piece: Tensor, counts: Tensor) -> _Normalization:
        scores = piece[counts]
        peak = scores.amax(dim=1, keepdim=True)
        is_empty = peak == -torch.inf
        peak = peak.where(~is_empty, 0.0)
        total = (scores - peak).exp().sum(dim=1, keepdim=True, dtype=torch.float64)
        return cls(counts, peak, total.where(~is_empty, 1.0).log().to(scores.dtype))


class _Scores:
    """A rank's log-probabilities, made again for every pass over them.

    Attributes:
        rows: How many count.
        classes: How many each has.
        bits: That a key has.
    """

    def __init__(self, rows: RowPieces) -> None:
        self._rows, self.classes = rows, rows.classes
        self._integer = _INTEGERS[rows.arithmetic]
        self.bits = 8 * rows.arithmetic.itemsize
        self._each = [_Normalization.of(*piece) for piece in rows]
        self.rows = sum(len(one.peak) for one in self._each)

    def __iter__(self) -> Iterator[Tensor]:
        for (piece, _), one in zip(self._rows, self._each, strict=True):
            yield ((piece[one.counts] - one.peak) - one.log_sum).flatten()

    def in_order(self) -> Iterator[Tensor]:
        """Whole numbers in the order of the scores."""
        for scores in self:
            yield self._turned(scores.view(self._integer))

    def _turned(self, bits: Tensor) -> Tensor:
        """The bits of numbers below 0 are in the opposite order of theirs; turns them or back."""
        return bits ^ ((bits >> (self.bits - 1)) & torch.iinfo(self._integer).max)

    def probability(self, key: int) -> float:
        """What a key's score is the logarithm of."""
        bits = self._turned(torch.tensor(key, dtype=self._integer))
        return math.exp(bits.view(self._rows.arithmetic).item())

    def reaching(self, threshold: float) -> int:
        """How many of the probabilities are at or above a threshold."""
        return sum(int((scores.double().exp() >= threshold).sum()) for scores in self)

    def below(self, key: int) -> int:
        """The highest key below one, or the lowest number that a key may be."""
        least = int(torch.iinfo(self._integer).min)
        found = (keys[keys < key] for keys in self.in_order())
        return max((int(each.max()) for each in found if len(each)), default=least)


class _Cut(NamedTuple):
    """Where a selection ends.

    Attributes:
        key: That of the last score that is selected.
        above: How many of this rank's scores are above it.
        equal: How many of them equal it.
        ties: How many of all ranks' scores that equal it are selected.
    """

    key: int
    above: int
    equal: int
    ties: int


def _cut(scores: _Scores, ranks: Ranks, wanted: int) -> _Cut:
    """Finds the key of the last of so many scores, the highest digit first."""
    shift, above = scores.bits, 0
    found: int | None = None
    lowest = -(1 << (_DIGIT_BITS - 1))  # the first digit has the sign
    while True:
        outer, shift = shift, max(0, shift - _DIGIT_BITS)
        values = 1 << (outer - shift)
        own = ranks.zeros(values)
        for keys in scores.in_order():
            alike = keys if found is None else keys[(keys >> outer) == found]
            own += torch.bincount((alike >> shift) - lowest, minlength=values)
        every = ranks.add(own.clone())
        reaching = every.flip(0).cumsum(0).flip(0)  # how many have a value of the digit or more
        value = int((reaching >= wanted).sum()) - 1
        wanted -= int(reaching[value] - every[value])
        above += int(own[value + 1 :].sum())
        found = lowest + value
        if not shift:
            return _Cut(found, above, int(own[value]), wanted)
        lowest = found << min(shift, _DIGIT_BITS)


def selected(
    loss: Any, ranks: Ranks, heads: tuple[Tensor, ...], labels: Tensor, before: float | None
) -> Selected:
    """The loss of a rank's rows whose candidates are those of all ranks' rows.

    Args:
        loss: A two-head loss.
        ranks: The processes.
        heads: The scores of both heads, of this rank's rows.
        labels: Their labels.
        before: With a moving average: the threshold before, or 0; None without one.
    """
    rows = RowPieces(heads, labels, loss.ignore_index)
    scores = _Scores(rows)
    total = sum(int(counted) for (counted,) in ranks.table([scores.rows]))
    if not total:
        return Selected(loss, before or 0.0)
    wanted = round(total * loss.k)
    number, threshold = _chosen(scores, ranks, wanted, total, is_needed=before is not None)
    if before:
        threshold = loss.threshold_decay * before + (1 - loss.threshold_decay) * threshold
        number = scores.reaching(threshold)
    if not scores.rows:
        return Selected(loss, threshold)
    # K is above 0 and below C, and the library rounds the product of K and rows.
    sum_of_sizes = min(max(number, 0.25), scores.rows * rows.classes - 0.25)
    return Selected(loss._with(k=sum_of_sizes / scores.rows, threshold_decay=0.0), threshold)


def _chosen(
    scores: _Scores, ranks: Ranks, wanted: int, rows: int, *, is_needed: bool
) -> tuple[int, float]:
    """How many of this rank's scores are among so many of all; the threshold, if it is needed."""
    if wanted == 0:
        return 0, 1.0
    if wanted >= rows * scores.classes:
        return scores.rows * scores.classes, 0.0
    cut = _cut(scores, ranks, wanted)
    equal = [int(number) for (number,) in ranks.table([cut.equal])]
    left = cut.ties - sum(equal[: ranks.rank])
    threshold = 0.0
    if is_needed:
        threshold = scores.probability(cut.key)
        if cut.ties == sum(equal):
            highest = ranks.highest(ranks.zeros(1).fill_(scores.below(cut.key)))
            threshold = (threshold + scores.probability(int(highest))) / 2
    return cut.above + min(max(left, 0), cut.equal), threshold

"""The candidates of a two-head loss, of a batch that several processes have parts of.

They are the round(B K) highest of all ranks' log-probabilities, of equal ones those of the lowest
rank, row and class. No scores travel: as within the library, each has a whole number for a key, in
the same order, and the key of the last candidate is found digit by digit, from counts of how many
keys have which value of a digit (2048 numbers), summed over ranks. Counted are those scores alone
that are at or above a bound which so many reach as are wanted: see `_Scores.bound`. They are made
again for each digit until they are few, a few rows at a time: never are they another matrix.

Then each rank knows how many of its own scores are candidates, n of them, and these are its n
highest. So it asks the library for a loss of K = n / rows, which finds just those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from topkloss.torch._global_rows import RowPieces
from topkloss.torch._ranks import Ranks, attempt

_DIGIT_BITS = 11

_FEW = 1 << 19
"""Keys that are kept rather than made again."""

_SMALLEST_GROUP = 16
"""Classes of which the highest is kept."""

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

    counts: Tensor | None
    peak: Tensor
    log_sum: Tensor

    @classmethod
    def of(cls, piece: Tensor, counts: Tensor) -> _Normalization:
        scores = piece if counts.all() else piece[counts]
        peak = scores.amax(dim=1, keepdim=True)
        is_empty = peak == -torch.inf
        peak = peak.where(~is_empty, 0.0)
        total = (scores - peak).exp_().sum(dim=1, keepdim=True, dtype=torch.float64)
        log_sum = total.where(~is_empty, 1.0).log().to(scores.dtype)
        return cls(None if scores is piece else counts, peak, log_sum)


class _Scores:
    """A rank's log-probabilities, made again for every pass over them.

    Attributes:
        device: Where they are.
        rows: How many count.
        classes: How many each has.
        bits: That a key has.
    """

    def __init__(self, rows: RowPieces) -> None:
        self._rows, self.classes, self.device = rows, rows.classes, rows.device
        self._integer = _INTEGERS[rows.arithmetic]
        self.bits = 8 * rows.arithmetic.itemsize
        self._each = [_Normalization.of(*piece) for piece in rows]
        self.rows = sum(len(one.peak) for one in self._each)

    def __iter__(self) -> Iterator[Tensor]:
        for (piece, _), one in zip(self._rows, self._each, strict=True):
            scores = piece if one.counts is None else piece[one.counts]
            yield (scores - one.peak).sub_(one.log_sum)

    def bound(self, k: float) -> float:
        """What K of this rank's scores a row reach; -inf where finding it would take much memory.

        It is the one that is in that place among the highest of groups of classes.
        """
        size = int(self.classes / (8 * max(k, 1.0)))
        if size < _SMALLEST_GROUP:
            return -math.inf
        if not self.rows:
            return math.inf
        count = self.classes // size
        tops = [each[:, : count * size].view(len(each), size, count).amax(dim=1) for each in self]
        every = torch.cat(tops).flatten()
        del tops
        return every.kthvalue(len(every) - math.ceil(self.rows * k) + 1).values.item()

    def keys(self, bound: float) -> Iterator[Tensor]:
        """The keys of those scores that are at or above a bound, some rows at a time."""
        for each in self:
            scores = each.flatten()
            reaching = scores if bound == -math.inf else scores[scores >= bound]
            yield self._turned(reaching.view(self._integer))

    def _turned(self, bits: Tensor) -> Tensor:
        """The bits of numbers below 0 are in the opposite order of theirs; turns them or back."""
        return bits ^ ((bits >> (self.bits - 1)) & torch.iinfo(self._integer).max)

    def score(self, key: int) -> float:
        """The score that has a key."""
        bits = self._turned(torch.tensor(key, dtype=self._integer, device="cpu"))
        number: float = bits.view(self._rows.arithmetic).item()
        return number

    def reaching(self, threshold: float) -> int:
        """How many of the probabilities are at or above a threshold."""
        return sum(int((scores.double().exp_() >= threshold).sum()) for scores in self)

    def below(self, score: float) -> float:
        """The highest score below one, or -inf."""
        return max(
            (each.where(each < score, -math.inf).max().item() for each in self if len(each)),
            default=-math.inf,
        )


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


class _Contenders:
    """The keys that may be the last candidate's: kept once they are few, and before made again."""

    def __init__(self, scores: _Scores, bound: float) -> None:
        self._scores, self._bound = scores, bound
        self._kept: Tensor | None = None

    def counts(self, digit: _Digit) -> Tensor:
        """How many keys have each value of a digit, after the digits that are known; int64."""
        counts = torch.zeros(digit.values, dtype=torch.int64, device=self._scores.device)
        kept: list[Tensor] = []
        number = 0
        for every in [self._kept] if self._kept is not None else self._scores.keys(self._bound):
            keys = every if digit.before is None else every[(every >> digit.outer) == digit.before]
            counts += torch.bincount((keys >> digit.shift) - digit.lowest, minlength=digit.values)
            number += len(keys)
            if number <= _FEW:
                kept.append(keys)
            else:
                kept.clear()
        if number <= _FEW:
            self._kept = torch.cat(kept) if kept else counts.new_zeros(0)
        return counts


class _Digit(NamedTuple):
    """Some bits of keys.

    Attributes:
        outer: How many bits are below the bits before it.
        shift: How many are below it.
        before: The number that the bits before it make, or None if it is the first.
        lowest: The number that they make with its lowest value.
    """

    outer: int
    shift: int
    before: int | None
    lowest: int

    @property
    def values(self) -> int:
        """How many it may have."""
        return 1 << (self.outer - self.shift)


def _cut(contenders: _Contenders, bits: int, ranks: Ranks, wanted: int) -> _Cut:
    """Finds the last of so many of all ranks' keys, the highest digit first."""
    shift, above = bits, 0
    found: int | None = None
    lowest = -(1 << (_DIGIT_BITS - 1))  # the first digit has the sign
    while True:
        outer, shift = shift, max(0, shift - _DIGIT_BITS)
        digit = _Digit(outer, shift, found, lowest)
        counts, failure = attempt(partial(contenders.counts, digit))
        own = torch.zeros(digit.values, dtype=torch.int64, device=ranks.device)
        own = own if counts is None else counts
        every = ranks.agreed_sum(own.double(), failure)
        reaching = every.flip(0).cumsum(0).flip(0)  # how many have a value of the digit or more
        value = int((reaching >= wanted).sum()) - 1
        wanted -= int(reaching[value] - every[value])
        above += int(own[value + 1 :].sum())
        found = lowest + value
        if not shift:
            return _Cut(found, above, int(own[value]), wanted)
        lowest = found << min(shift, _DIGIT_BITS)


def selected(
    loss: Any,
    ranks: Ranks,
    heads: tuple[Tensor, ...],
    labels: Tensor,
    threshold_before: Tensor | None,
) -> Selected:
    """The loss of a rank's rows whose candidates are those of all ranks' rows.

    Args:
        loss: A two-head loss.
        ranks: The processes.
        heads: The scores of both heads, of this rank's rows.
        labels: Their labels.
        threshold_before: With a moving average: the threshold before, or 0; None without one.
    """

    def start() -> tuple[_Scores, float]:
        before = 0.0 if threshold_before is None else float(threshold_before)
        return _Scores(RowPieces(heads, labels, loss.ignore_index)), before

    started, failure = attempt(start)
    told = ranks.table([started[0].rows if started else 0], failure)
    assert started is not None
    scores, before = started
    total = sum(int(counted) for (counted,) in told)
    if not total:
        return Selected(loss, before)
    is_needed = threshold_before is not None
    number, threshold = _chosen(scores, ranks, loss.k, total, is_needed=is_needed)
    if before:
        threshold = loss.threshold_decay * before + (1 - loss.threshold_decay) * threshold
        number = scores.reaching(threshold)
    if not scores.rows:
        return Selected(loss, threshold)
    # K is above 0 and below C, and the library rounds the product of K and rows.
    sum_of_sizes = min(max(number, 0.25), scores.rows * scores.classes - 0.25)
    return Selected(loss._with(k=sum_of_sizes / scores.rows, threshold_decay=0.0), threshold)


def _chosen(
    scores: _Scores, ranks: Ranks, k: float, rows: int, *, is_needed: bool
) -> tuple[int, float]:
    """How many of this rank's scores are chosen, of all ranks' rows; the threshold, if needed."""
    wanted = round(rows * k)
    if wanted == 0:
        return 0, 1.0
    if wanted >= rows * scores.classes:
        return scores.rows * scores.classes, 0.0
    # So many reach it on every rank: of all ranks' bounds the lowest is below no candidate.
    own, failure = attempt(lambda: -scores.bound(k))
    bound = -ranks.highest_of(own, failure)
    cut = _cut(_Contenders(scores, bound), scores.bits, ranks, wanted)
    equal = [int(number) for (number,) in ranks.table([cut.equal])]
    left = cut.ties - sum(equal[: ranks.rank])
    threshold = 0.0
    if is_needed:
        last = following = scores.score(cut.key)
        if cut.ties == sum(equal):
            following = ranks.highest_of(*attempt(lambda: scores.below(last)))
        threshold = (math.exp(last) + math.exp(following)) / 2
    return cut.above + min(max(left, 0), cut.equal), threshold

"""Ours beside every peer, and beside one copy of the logits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks import bars
from benchmarks.agreement import check
from benchmarks.lines import Line
from benchmarks.losses import Loss, Run, evaluation
from benchmarks.peers import peers_of
from benchmarks.problems import Problem
from benchmarks.settings import Settings
from benchmarks.timing import Timing, in_turn


def _line(loss: Loss, problem: Problem, against: str, timing: Timing) -> Line:
    return Line(
        section="peers",
        loss=loss.name,
        rows=problem.rows,
        dtype=problem.dtype,
        size=str(problem.size),
        against=against,
        ours=timing.ours,
        theirs=timing.theirs,
        unit="ms",
        figure=timing.ratio,
        best=timing.best,
        others=timing.others,
    )


def copies(problem: Problem, heads: int) -> tuple[Run, Run]:
    """One copy of every logit into an array that is there, on one thread and on all."""
    sources = [problem.logits.astype(np.float32) for _ in range(heads)]
    targets = [np.full_like(source, 0) for source in sources]
    pairs = list(zip(sources, targets, strict=True))
    views = [(torch.from_numpy(source), torch.from_numpy(target)) for source, target in pairs]

    def by_numpy() -> None:
        for source, target in pairs:
            np.copyto(target, source)

    def by_torch() -> None:
        for source, target in views:
            target.copy_(source)

    return by_numpy, by_torch


def floor(ours: Run, problem: Problem, heads: int, seconds: float) -> Timing:
    """Ours beside the faster copy."""
    timings = [in_turn(ours, copy, seconds / 2) for copy in copies(problem, heads)]
    return min(timings, key=lambda timing: timing.theirs)


def compare(loss: Loss, problem: Problem, settings: Settings) -> list[Line]:
    """All lines of one problem."""
    ours = evaluation(loss, problem)
    found = []
    for peer in peers_of(loss, problem, settings.peers):
        check(loss, problem, peer, ours)
        timing = in_turn(ours, peer.run, settings.seconds, pause=peer.pause)
        found.append(_line(loss, problem, peer.name, timing))
    timing = floor(ours, problem, loss.heads, settings.seconds)
    found.append(_line(loss, problem, bars.FLOOR, timing))
    bars.set_bars(loss, problem.size, found)
    return found


def lines(settings: Settings) -> Iterator[Line]:
    """Every loss at every size on every kind of row."""
    for loss in settings.losses:
        for size in settings.sizes(loss):
            for problem in loss.problems(size, kinds=settings.rows):
                yield from compare(loss, problem, settings)

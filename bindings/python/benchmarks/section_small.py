"""Small calls and modules, in which what surrounds the arithmetic is much of the time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import topkloss.torch
from benchmarks.agreement import check
from benchmarks.lines import Line
from benchmarks.losses import BY_NAME, Loss, Run, evaluation
from benchmarks.peers import EAGER, JAX, Peer, differentiated, peers_of, tensors
from benchmarks.problems import Problem, Size
from benchmarks.settings import Settings
from benchmarks.timing import Timing, in_turn

# Whether through the module, at which size, and the bar.
_CASES = ((False, Size(8, 10), 3.0), (True, Size(8, 10), 0.7), (True, Size(256, 1000), 4.0))


# Of modules, for every loss: where calls of Python still count, and the logits fill the cache.
_MODULES = Size(256, 1000)


def _module(loss: Loss, problem: Problem) -> Run:
    module = loss.make(problem.counts, topkloss.torch)
    labels, *heads = tensors(problem, loss.heads)
    # As the peers take them: what is differentiated first, then the labels, then a second head.
    run: Run = differentiated(
        lambda first, given, *others: module(first, *others, given), labels, *heads
    )
    return run


def lines(settings: Settings) -> Iterator[Line]:
    """Cross-entropy from NumPy arrays and as a module, beside PyTorch's."""
    loss = BY_NAME["cross_entropy"]
    for as_module, size, bar in _CASES:
        problem = Problem(size)
        (eager,) = peers_of(loss, problem, (EAGER,))
        ours = _module(loss, problem) if as_module else evaluation(loss, problem)
        check(loss, problem, Peer(EAGER, eager.run), ours)
        timing = in_turn(ours, eager.run, settings.seconds)
        name = "cross_entropy, " + ("module" if as_module else "arrays")
        yield _line("small", name, problem, EAGER, timing, bar)


def modules(settings: Settings) -> Iterator[Line]:
    """Every loss as a PyTorch module, beside every peer but JAX."""
    wanted = tuple(name for name in settings.peers if name != JAX)
    for loss in settings.losses:
        for problem in loss.problems(_MODULES, kinds=settings.rows):
            ours = _module(loss, problem)
            for peer in peers_of(loss, problem, wanted):
                check(loss, problem, peer, ours)
                timing = in_turn(ours, peer.run, settings.seconds)
                yield _line("modules", loss.name, problem, peer.name, timing, None)
            torch.compiler.reset()


def _line(
    section: str, name: str, problem: Problem, against: str, timing: Timing, bar: float | None
) -> Line:
    return Line(
        section=section,
        loss=name,
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
        bar=bar,
    )

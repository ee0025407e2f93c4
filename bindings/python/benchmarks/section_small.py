"""Small calls, in which what surrounds the arithmetic is most of the time."""

from __future__ import annotations

from collections.abc import Iterator

import topkloss.torch
from benchmarks.agreement import check
from benchmarks.lines import Line
from benchmarks.losses import BY_NAME, Run, evaluation
from benchmarks.peers import EAGER, Peer, differentiated, peers_of, tensors
from benchmarks.problems import Problem, Size
from benchmarks.settings import Settings
from benchmarks.timing import in_turn

# Whether through the module, at which size, and the bar.
_CASES = ((False, Size(8, 10), 3.0), (True, Size(8, 10), 0.7), (True, Size(256, 1000), 4.0))


def _module(problem: Problem) -> Run:
    run: Run = differentiated(topkloss.torch.CrossEntropyLoss(), *tensors(problem, 1))
    return run


def lines(settings: Settings) -> Iterator[Line]:
    """Cross-entropy from NumPy arrays and as a module, beside PyTorch's."""
    loss = BY_NAME["cross_entropy"]
    for as_module, size, bar in _CASES:
        problem = Problem(size)
        (eager,) = peers_of(loss, problem, (EAGER,))
        ours = _module(problem) if as_module else evaluation(loss, problem)
        check(loss, problem, Peer(EAGER, eager.run), ours)
        timing = in_turn(ours, eager.run, settings.seconds)
        yield Line(
            section="small",
            loss="cross_entropy, " + ("module" if as_module else "arrays"),
            rows=problem.rows,
            dtype=problem.dtype,
            size=str(size),
            against=EAGER,
            ours=timing.ours,
            theirs=timing.theirs,
            unit="ms",
            figure=timing.ratio,
            best=timing.best,
            others=timing.others,
            bar=bar,
        )

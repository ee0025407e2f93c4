"""Ours beside ours: bfloat16 and float32, two threads and one, many classes and fewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import topkloss
from benchmarks import bars
from benchmarks.agreement import check
from benchmarks.lines import Line
from benchmarks.losses import Loss, Run, evaluation
from benchmarks.peers import EAGER, peers_of
from benchmarks.problems import Problem, Size
from benchmarks.settings import Settings
from benchmarks.timing import Timing, in_turn

_GROWTH_CLASSES = (1000, 10_000, 100_000, 1_000_000)
# Of 32 MB of logits: more than the second-level cache, whatever the number of classes.
_GROWTH_ELEMENTS = 8_000_000


def _line(section: str, loss: Loss, problem: Problem, against: str, timing: Timing) -> Line:
    return Line(
        section=section,
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


def _problems(settings: Settings, dtype: str = "float32") -> Iterator[tuple[Loss, Problem]]:
    for loss in settings.losses:
        for size in settings.sizes(loss):
            for problem in loss.problems(size, dtype, settings.rows):
                yield loss, problem


def bfloat16(settings: Settings) -> Iterator[Line]:
    """bfloat16 beside float32, and beside PyTorch in bfloat16."""
    for loss, problem in _problems(settings, "bfloat16"):
        ours = evaluation(loss, problem)
        wide = evaluation(loss, Problem(problem.size, problem.rows, "float32", problem.cosines))
        timing = in_turn(ours, wide, settings.seconds / 2)
        line = _line("bfloat16", loss, problem, "float32", timing)
        line.bar = bars.BFLOAT16.get(problem.size.classes)
        yield line
        for peer in peers_of(loss, problem, (EAGER,) if EAGER in settings.peers else ()):
            check(loss, problem, peer, ours)
            timing = in_turn(ours, peer.run, settings.seconds / 2)
            yield _line("bfloat16", loss, problem, peer.name, timing)


def _with_threads(threads: int, run: Run) -> Callable[[], object]:
    def call() -> object:
        topkloss.set_num_threads(threads)
        return run()

    return call


def threads(settings: Settings) -> Iterator[Line]:
    """Two threads beside one."""
    try:
        for loss, problem in _problems(settings):
            if problem.size.classes < 1000:
                continue
            run = evaluation(loss, problem)
            timing = in_turn(
                _with_threads(settings.threads, run), _with_threads(1, run), settings.seconds / 2
            )
            line = _line("threads", loss, problem, "one thread", timing)
            line.bar = bars.TWO_THREADS if settings.threads == 2 else None
            yield line
    finally:
        topkloss.set_num_threads(settings.threads)


def growth(settings: Settings) -> Iterator[Line]:
    """Time an element, as many elements each, beside that at 10,000 classes."""
    for loss in settings.losses:
        sizes = {classes: Size(_GROWTH_ELEMENTS // classes, classes) for classes in _GROWTH_CLASSES}
        for kind in loss.problems(sizes[10_000], kinds=settings.rows):
            base = evaluation(loss, kind)
            for classes, size in sizes.items():
                if classes == 10_000:
                    continue
                problem = Problem(size, kind.rows, cosines=loss.cosines)
                timing = in_turn(evaluation(loss, problem), base, settings.seconds / 2)
                line = _line("growth", loss, problem, str(kind.size), timing)
                line.ours, line.theirs = (
                    1e6 * each / size.elements for each in (timing.ours, timing.theirs)
                )
                line.unit = "ns/elt"
                line.bar = bars.growth(loss) if classes == 1_000_000 else None
                yield line

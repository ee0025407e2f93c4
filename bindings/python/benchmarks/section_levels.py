"""The instruction sets beside each other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks import bars
from benchmarks.lines import Line
from benchmarks.losses import Loss
from benchmarks.problems import Problem
from benchmarks.settings import Settings
from benchmarks.worker import Worker

_LEVELS = ("avx512", "avx2", "portable")
_LEAST = 5
# The sizes that tell: small rows, rows in the first cache, rows in memory.
_CLASSES = (100, 1000, 100_000)

Times = dict[str, list[float]]


def _measure(workers: dict[str, Worker], seconds: float) -> Times:
    times: Times = {level: [] for level in workers}
    for worker in workers.values():
        worker.milliseconds()
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(next(iter(times.values()))) < _LEAST:
        for level, worker in workers.items():
            times[level].append(worker.milliseconds())
    return times


def _line(loss: Loss, problem: Problem, level: str, base: str, times: Times) -> Line:
    pairs = zip(times[level], times[base], strict=True)
    return Line(
        section="levels",
        loss=loss.name,
        rows=problem.rows,
        dtype=problem.dtype,
        size=str(problem.size),
        against=f"{level} vs {base}",
        ours=statistics.median(times[level]),
        theirs=statistics.median(times[base]),
        unit="ms",
        figure=statistics.median(b / a for a, b in pairs),
        best=min(times[base]) / min(times[level]),
        bar=bars.AVX2 if (level, base) == ("avx2", "avx512") else None,
    )


def lines(settings: Settings) -> Iterator[Line]:
    """Every level that the processor has beside the highest."""
    workers = {level: Worker(level, settings.threads) for level in _LEVELS}
    try:
        for loss in settings.losses:
            for size in settings.sizes(loss):
                if size.classes not in _CLASSES:
                    continue
                for problem in loss.problems(size, kinds=settings.rows):
                    in_use = {
                        level: worker
                        for level, worker in workers.items()
                        if worker.prepare(loss, problem) == level
                    }
                    times = _measure(in_use, settings.seconds)
                    base, *lower = in_use
                    for level in lower:
                        yield _line(loss, problem, level, base, times)
    finally:
        for worker in workers.values():
            worker.close()

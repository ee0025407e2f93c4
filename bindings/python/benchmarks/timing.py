"""Two calls in turn."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Run = Callable[[], Any]

# Calls that take longer are made only a few times, and are warm after one.
_SLOW_MILLISECONDS = 400.0


@dataclass(frozen=True)
class Timing:
    """Two sides in milliseconds.

    Attributes:
        ours: The median of one side.
        theirs: The median of the other.
        ratio: The median over neighbouring calls of theirs divided by ours.
        best: Their quickest call divided by our quickest: where other programs keep the machine
            busy, which lengthens most calls of some kinds and few of others, this still holds.
        others: The share of the processors' time that other programs took meanwhile.
    """

    ours: float
    theirs: float
    ratio: float
    best: float
    others: float


class Bystanders:
    """How busy other programs keep this process's processors, from when it is made."""

    def __init__(self) -> None:
        self._processors = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        self._start = time.perf_counter()
        self._busy = self._seconds()
        self._own = time.process_time()

    def _seconds(self) -> float:
        """Seconds that the processors have worked or been taken by other machines."""
        ticks = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *fields = line.split()
            if name in self._processors:
                user, nice, system, _, _, irq, soft, stolen = map(int, fields[:8])
                ticks += user + nice + system + irq + soft + stolen
        return ticks / os.sysconf("SC_CLK_TCK")

    def share(self) -> float:
        """Their share of the processors' time so far."""
        others = self._seconds() - self._busy - (time.process_time() - self._own)
        whole = (time.perf_counter() - self._start) * len(self._processors)
        return min(1.0, max(0.0, others / whole))


def milliseconds(run: Run) -> float:
    """How long one call takes."""
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e6


def in_turn(ours: Run, theirs: Run, seconds: float, *, pause: float = 0.0) -> Timing:
    """Calls each side in turn until the time is over, after calls to warm up.

    A ratio is taken of every two neighbours, whichever came first, so that neither a slow drift nor
    the order favours a side.

    Args:
        ours: One side.
        theirs: The other.
        seconds: For how long.
        pause: Before every call. Threads that wait for more work by spinning, as those of OpenMP
            do, then no longer take a processor from a side that has threads of its own.
    """
    slow = milliseconds(ours) + milliseconds(theirs) > _SLOW_MILLISECONDS
    least = 2 if slow else 7
    if not slow:
        ours()
        theirs()
    first: list[float] = []
    second: list[float] = []
    gc.collect()
    gc.disable()
    bystanders = Bystanders()
    try:
        deadline = time.perf_counter() + seconds
        while len(first) < least or time.perf_counter() < deadline:
            for run, times in ((ours, first), (theirs, second)):
                if pause:
                    time.sleep(pause)
                times.append(milliseconds(run))
    finally:
        gc.enable()
    others = bystanders.share()
    after = [b / a for a, b in zip(first, second, strict=True)]
    before = [b / a for a, b in zip(first[1:], second[:-1], strict=True)]
    return Timing(
        statistics.median(first),
        statistics.median(second),
        statistics.median(after + before),
        min(second) / min(first),
        others,
    )

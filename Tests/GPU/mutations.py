"""Leaves out barriers of a kernel, and sends shuffles nowhere, one at a time: does it show?

A barrier that is left out must be a race, or a deadlock, or other bytes, in some order of the
threads; a shuffle that gives each thread its own number, or a vote that is its own, must be other
bytes. What does not show is either superfluous, and should not be in the source, or beyond what the
launches put to the test.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable

from device import LaunchError, Module

Run = Callable[[int], bytes]
"""Launches a module's kernels, in an order of threads; all that they have written."""

ORDERS = (0, 2, 3)
"""Races; stores kept back; a warp that runs ahead."""
_COLLECTIVE = re.compile(r"\b(bar\.sync|bar\.warp\.sync|shfl\.sync|vote\.sync|match\.\w+\.sync)\b")


def collectives(module: Module) -> dict[int, str]:
    """The lines of a module that have one, with their text."""
    lines = enumerate(module.text.split("\n"), 1)
    return {line: text for line, text in lines if _COLLECTIVE.search(text)}


def _shows(run: Run, right: dict[int, bytes], line: int, module: Module) -> bool:
    module.watch.without = line
    try:
        return any(run(order) != right[order] for order in ORDERS)
    except LaunchError:
        return True
    finally:
        module.watch.without = 0


def survivors(
    module: Module, runs: Iterable[Run], *, count: int | None = None, seed: int = 0
) -> list[str]:
    """What can be left out of those collectives that the runs come to; of `count` of them alone."""
    watch = module.watch
    reached: dict[int, list[tuple[Run, dict[int, bytes]]]] = {}
    for run in runs:
        for line in range(len(watch.reached)):
            watch.reached[line] = 0
        right = {order: run(order) for order in ORDERS}
        assert len(set(right.values())) == 1, "differs from order to order"
        for line, is_ in enumerate(watch.reached):
            if is_:
                reached.setdefault(line, []).append((run, right))
    found = collectives(module)
    assert set(reached) <= set(found)
    lines = sorted(reached)
    if count is not None and count < len(lines):
        lines = sorted(random.Random(seed).sample(lines, count))
    watch.turns = 10 * watch.taken + 100_000
    try:
        return [
            f"line {line}: {found[line].strip()}"
            for line in lines
            if not any(_shows(run, right, line, module) for run, right in reached[line])
        ]
    finally:
        watch.turns = 0

"""Leaves out barriers of the kernels, and falsifies shuffles, one at a time: does it show?

A barrier of a block that is left out has to be a race, or a deadlock, or other bytes in some order
of the threads; a shuffle that brings other numbers, other bytes. A barrier that does not show is
superfluous, and should not be in the source, or beyond what the launches put to the test. Not
among the mutants are the last barrier of a block, with which reductions end and after which nothing
is left to be ordered, and barriers of a warp, with which reductions begin whether something was
stored or not.

    python mutations.py [--count N] [--seed N] [--only bar.sync] [loss ...]
"""

from __future__ import annotations

import argparse
import ctypes
import random
import re
import sys
from dataclasses import dataclass

import device
import library

sys.path.append(str(device.TOP / "bindings/python/tests"))

from losses import CASES, Case  # type: ignore[import-not-found]

from test_library import run

ORDERS = (0, 2, 3)
"""Races; stores kept back; a warp that runs ahead."""
SHAPE = (5, 2100)
"""Blocks of 544 threads, so that all numbers of a shuffle matter, with more than one row each."""
BLOCKS = 2
_LINES = 1 << 16
_COLLECTIVE = re.compile(r"\b(bar|shfl)\.sync\b")


@dataclass(frozen=True, order=True)
class Collective:
    """A barrier or shuffle of a kernel."""

    kernel: str
    line: int
    text: str

    @property
    def has_to_show(self) -> int:
        """From which mark on, of those that the emulator puts where threads came to it."""
        return 2 if self.text.startswith("bar") else 1


def collectives(family: str = "*", skip: str = "") -> list[Collective]:
    """All of the PTX that ships, or of a family's."""
    out = []
    for file in sorted(device.PTX.glob(f"{family}.ptx")):
        if file.stem == skip:
            continue
        kernel = ""
        for line, text in enumerate(file.read_text().split("\n"), 1):
            if entry := re.search(r"\.entry (\w+)", text):
                kernel = entry[1]
            elif _COLLECTIVE.search(text):
                out.append(Collective(kernel, line, text.strip()))
    return out


def cases() -> list[Case]:
    """All losses of the registry."""
    return list(CASES)


def is_supported(case: Case) -> bool:
    """Whether a loss is computed on a device."""
    try:
        run(case, "float32", (2, 20), 4)
    except RuntimeError as error:
        if "not computed on a device" in str(error):
            return False
        raise
    return True


def _content(case: Case, dtype: str, order: int) -> bytes:
    """All that an evaluation writes."""
    answer, _, _ = run(case, dtype, SHAPE, order)
    parts = [answer.gradient, answer.second_gradient, answer.row_values]
    return bytes(answer.outcome) + b"".join(part.tobytes() for part in parts if part is not None)


def _shows(case: Case, dtype: str, right: dict[int, bytes], mutant: Collective) -> bool:
    driver = library.driver()
    driver.fake_cuda_set_mutation(mutant.kernel.encode(), mutant.line)
    try:
        return any(_content(case, dtype, order) != right[order] for order in ORDERS)
    except RuntimeError:
        return True
    finally:
        driver.fake_cuda_set_mutation(None, 0)
        driver.fake_cuda_reset()


def survivors(
    losses: list[Case],
    dtypes: tuple[str, ...],
    *,
    count: int | None = None,
    seed: int = 0,
    only: str = "",
) -> tuple[list[Collective], int]:
    """What can be left out of what the evaluations come to, or of `count` of it; of how many."""
    driver = library.driver()
    driver.fake_cuda_set_blocks(BLOCKS)
    everything = [each for each in collectives(skip="batch") if each.text.startswith(only)]
    open_: dict[Collective, bool] = {}
    try:
        for case in losses:
            for dtype in dtypes:
                driver.fake_cuda_forget()
                right = {order: _content(case, dtype, order) for order in ORDERS}
                reached = _reached(everything)
                fresh = [each for each in reached if each not in open_]
                if count is not None and count < len(fresh):
                    fresh = random.Random(seed).sample(fresh, count)
                for mutant in reached:
                    if mutant in fresh or open_.get(mutant):
                        open_[mutant] = not _shows(case, dtype, right, mutant)
    finally:
        driver.fake_cuda_set_blocks(0)
    return sorted(mutant for mutant, survives in open_.items() if survives), len(open_)


def _reached(everything: list[Collective]) -> list[Collective]:
    lines: dict[str, ctypes.Array[ctypes.c_uint8]] = {}
    for kernel in {each.kernel for each in everything}:
        lines[kernel] = (ctypes.c_uint8 * _LINES)()
        library.driver().fake_cuda_reached(kernel.encode(), lines[kernel], _LINES)
    return [each for each in everything if lines[each.kernel][each.line] >= each.has_to_show]


def main() -> int:
    """Says what survives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("losses", nargs="*")
    parser.add_argument("--count", type=int)
    parser.add_argument("--only", help="those whose text begins so, as bar.sync", default="")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wanted = [case for case in CASES if case.name in options.losses or not options.losses]
    supported = [case for case in wanted if is_supported(case)]
    dtypes = ("float32", "float16", "bfloat16")
    found, tried = survivors(
        supported, dtypes, count=options.count, seed=options.seed, only=options.only
    )
    for each in found:
        print(f"{each.kernel}, line {each.line}: {each.text}")
    print(f"{len(found)} of {tried} do not show")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

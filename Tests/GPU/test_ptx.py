"""What has to be true of the PTX that ships, whatever its kernels compute."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import ptxas
from device import PTX
from translate import translate

FILES = sorted(PTX.glob("*.ptx"))
LARGEST = 1_500_000
everything = os.environ.get("TOPKLOSS_GPU_TESTS") == "all"
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_all_together_are_small() -> None:
    assert FILES
    assert sum(file.stat().st_size for file in FILES) < LARGEST


# Local memory, calls and traps: an array that is indexed, or a function that was not inlined.
# Sums and products of floating point that are not said to be rounded, which ptxas may fuse.
@each_file
@pytest.mark.parametrize(
    "never",
    [r"\.local\b", r"\bcall\b", r"\btrap\b", r"\.func\b", r"\b(add|sub|mul|mad)(\.ftz)?\.f\d\d\b"],
)
def test_never(file: Path, never: str) -> None:
    kernel, found = "", []
    for line, text in enumerate(file.read_text().split("\n"), 1):
        if entry := re.search(r"\.entry (\w+)", text):
            kernel = entry[1]
        if re.search(never, text) and not text.startswith("//"):
            found.append(f"{kernel}, line {line}: {text[:80]}")
    assert not found


@each_file
def test_the_emulator_knows_every_instruction(file: Path) -> None:
    assert translate(file.read_text()).refused == {}


def test_registers_and_spills() -> None:
    program = ptxas.ptxas()
    if program is None:
        pytest.skip("no ptxas: Tests/GPU/requirements.txt")
    seed = int(os.environ.get("SEED", "0"))
    assert ptxas.compare(program, everything=everything, seed=seed) == []


def test_simple_softmax_kernels_hardly_spill() -> None:
    """Plain ones a number on sm_70; those with offsets few a row, stores and loads together."""
    table = ptxas.read()
    for dtype in ("f32", "f16", "bf16"):
        for name, uses in table[f"softmax_{dtype}"].kernels.items():
            most = 160 if "offset" in name else 8
            assert not [use for use in uses.values() if use.spilled > most], name

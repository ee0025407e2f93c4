"""The table, the list of bars that are missed, and the JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

import topkloss
from benchmarks.lines import Line
from benchmarks.settings import Settings

TITLES = {
    "peers": "Beside the peers: theirs / ours. copy: one copy of the logits, the faster of NumPy's "
    "and PyTorch's",
    "small": "Small calls: theirs / ours",
    "modules": "As PyTorch modules: theirs / ours",
    "bfloat16": "bfloat16: theirs / ours; float32 is ours too",
    "threads": "One thread / two threads",
    "levels": "Instruction sets: the higher one's time / the lower one's",
    "growth": "Time an element: that of 10,000 classes / that of so many",
    "memory": "Resident memory that a call adds, in multiples of the logits. ratio: what more rows "
    "add to ours",
    "instructions": "Instructions an element, counted by callgrind; one thread",
}
_HEADER = (
    f"{'loss':26}{'rows':11}{'size':>13}  {'against':16}{'ours':>11}{'theirs':>11} {'':7}"
    f"{'ratio':>8}{'best':>8}{'others':>8}{'bar':>8}  "
)


def _number(value: float) -> str:
    """Three digits, and no more than seven characters."""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def row(line: Line) -> str:
    """One line of the table."""
    best = "" if line.best is None else _number(line.best)
    others = "" if line.others is None else f"{line.others:.0%}"
    bar = "" if line.bar is None else ("<= " if line.at_most else "") + _number(line.bar)
    verdict = {None: "", True: "met", False: "MISSED"}[line.met]
    if verdict and line.disturbed:
        verdict += ", disturbed"
    return (
        f"{line.loss:26}{line.rows:11}{line.size:>13}  {line.against:16}{_number(line.ours):>11}"
        f"{_number(line.theirs):>11} {line.unit:7}{_number(line.figure):>8}{best:>8}{others:>8}"
        f"{bar:>8}  {verdict}"
    ).rstrip()


def heading(section: str) -> str:
    """What stands above a section's lines."""
    return f"\n{TITLES[section]}\n{_HEADER}"


def machine(settings: Settings) -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2] for line in info.splitlines() if "model name" in line]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": models[0].strip() if models else platform.processor(),
        "threads": settings.threads,
        "seconds": settings.seconds,
        "topkloss": f"{topkloss.__version__} ({topkloss.simd})",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def summary(lines: Sequence[Line]) -> str:
    """How many bars are met, and which are not."""
    barred = [line for line in lines if line.bar is not None]
    missed = [line for line in barred if not line.met]
    disturbed = sum(line.disturbed for line in barred)
    text = f"\n{len(barred) - len(missed)} of {len(barred)} bars are met."
    if disturbed:
        text += f" Other programs disturbed {disturbed} of these: trust no time there."
    for section, each in groupby(missed, key=lambda line: line.section):
        text += f"\nMissed, {section}:\n" + "\n".join(f"  {row(line)}" for line in each)
    return text


def write(path: Path, settings: Settings, lines: Iterable[Line]) -> None:
    """Everything as JSON."""
    content = {
        "machine": machine(settings),
        "lines": [{**asdict(line), "met": line.met} for line in lines],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")

"""Runs the sections that are asked for, and prints, writes and draws what came of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import torch
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import topkloss
from benchmarks import (
    picture,
    report,
    section_instructions,
    section_levels,
    section_memory,
    section_ours,
    section_peers,
    section_small,
)
from benchmarks.agreement import DisagreementError
from benchmarks.lines import Line
from benchmarks.settings import Settings, read

_SECTIONS: dict[str, Callable[[Settings], Iterator[Line]]] = {
    "peers": section_peers.lines,
    "small": section_small.lines,
    "modules": section_small.modules,
    "bfloat16": section_ours.bfloat16,
    "threads": section_ours.threads,
    "levels": section_levels.lines,
    "growth": section_ours.growth,
    "memory": section_memory.lines,
    "instructions": section_instructions.lines,
}


def _limit(threads: int) -> None:
    """As many threads for everybody. JAX has one a processor, so processors are limited too."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[:threads])
    torch.set_num_threads(threads)
    topkloss.set_num_threads(threads)


def _run(settings: Settings, found: list[Line]) -> None:
    """All lines, printed as they come and added to those that were found."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        for section in settings.sections:
            progress.update(task, description=section)
            print(report.heading(section), flush=True)
            for line in _SECTIONS[section](settings):
                found.append(line)
                print(report.row(line), flush=True)
                progress.update(task, description=f"{section}: {line.loss}, {line.size}")


def main() -> None:
    """Ends with an error where a peer's answer is not ours; a missed bar is not an error."""
    settings = read()
    _limit(settings.threads)
    settings.output.mkdir(parents=True, exist_ok=True)
    about = report.machine(settings)
    note = (
        f"{about['processor']}, {settings.threads} threads each, topkloss {about['topkloss']}, "
        f"PyTorch {about['torch']}"
    )
    print(note)
    lines: list[Line] = []
    try:
        _run(settings, lines)
    except KeyboardInterrupt:
        print("\nInterrupted; what was found so far:")
    except DisagreementError as error:
        sys.exit(f"The two sides compute different things: {error}")
    print(report.summary(lines))
    report.write(settings.output / "benchmark.json", settings, lines)
    written = [str(settings.output / "benchmark.json")]
    if picture.draw(settings.output / "benchmark.png", lines, note):
        written.append(str(settings.output / "benchmark.png"))
    print("\nWritten:", ", ".join(written))


if __name__ == "__main__":
    main()

"""The whole of it: a grid, the seeds, tables and pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from claims import judged_by
from glyphs import FontsMissingError
from methods import METHODS
from pictures import draw_claims, draw_class_average
from protocol import Results, carried_out, chosen_settings, gathered, grid_runs, seed_runs
from report import as_json, compared_with, written
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from runs import Outcome, Run
from subjects import SUBJECTS, subject


def run(
    subjects: Sequence[str],
    jobs: int,
    output: Path,
    compare: Path | None,
    quick: bool,
    started: float,
) -> None:
    """Train, choose, train again, and leave what was found in the folder."""
    console = Console()
    output.mkdir(parents=True, exist_ok=True)
    for name in subjects:
        console.print(f"Loading {name} …")
        try:
            data = subject(name, quick)
        except FontsMissingError as missing:
            sys.exit(f"error: {missing}. Leave the fonts out with --subjects geonames taxonomy.")
        counts = data.counts()
        console.print(
            f"  {len(data.training.labels):,} rows of {data.classes:,} classes to learn from, "
            f"{counts.max():,} of the largest and {counts.min():,} of the smallest; "
            f"{len(data.validation.labels):,} to choose by, {len(data.test.labels):,} for the test."
        )
    outcomes = _trained(subjects, jobs, output, quick, console)
    results = gathered(outcomes, judged_by(), quick)
    # Some read a network that another has trained.
    trainings = {each.run: each.seconds for each in outcomes}
    text = written(results, _command(subjects, quick), len(trainings), sum(trainings.values()))
    (output / "results.md").write_text(text)
    (output / "results.json").write_text(as_json(results))
    draw_class_average(results, output / "class-average.png")
    draw_claims(results, output / "claims.png")
    console.print(Markdown(text))
    if compare is not None:
        _compare(compare, results, console)
    console.print(f"Left in {output}. {perf_counter() - started:.0f} seconds in all.")


def _trained(
    subjects: Sequence[str], jobs: int, output: Path, quick: bool, console: Console
) -> list[Outcome]:
    figures = judged_by()
    outcomes: list[Outcome] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:

        def carry_out(runs: Sequence[Run], title: str) -> None:
            bar = progress.add_task(title, total=len(runs))
            cache = output / "trainings"
            outcomes.extend(carried_out(runs, jobs, cache, lambda: progress.advance(bar)))

        carry_out(
            grid_runs(subjects, METHODS, quick), "Six settings a loss" if not quick else "Grid"
        )
        chosen = chosen_settings(outcomes, figures).values()
        carry_out(seed_runs(chosen, quick), "Five seeds of the best" if not quick else "Two seeds")
    return outcomes


def _command(subjects: Sequence[str], quick: bool) -> str:
    options = ["--quick"] if quick else []
    if len(subjects) < len(SUBJECTS):
        options += ["--subjects", *subjects]
    return f'make evidence ARGS="{" ".join(options)}"' if options else "make evidence"


def _compare(path: Path, results: Results, console: Console) -> None:
    entries = compared_with(path, results)
    apart = [each for each in entries if not each.agrees()]
    console.print(
        f"{len(entries) - len(apart)} of {len(entries)} entries are within two standard errors of "
        f"those in {path.name}."
    )
    for each in apart:
        console.print(f"  {each.where}: {each.here.mean():.4f}, before {each.before.mean():.4f}")

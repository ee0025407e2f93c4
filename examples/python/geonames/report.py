"""The table that ends a run, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from comparison import Result
from data import Split
from losses import METHODS
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sets import AVERAGE_SIZE
from settings import Settings
from tuning import Trial, best

ACCURACIES = (
    "top-1",
    "class\naverage",
    "top-5",
    "class\naverage",
    "aver-\nage-5",
    "class\naverage",
)
"""The headings of an `Accuracy`'s six figures."""


def results_table(results: Sequence[Result]) -> Table:
    """Accuracies of every method, the best of each column in bold, and the loss's seconds."""
    sizes = [result.evaluation.mean_set_size for result in results]
    table = _table(
        "Accuracy on the test names",
        "Class average: every country counts the same.\n"
        f"Average-5: thresholds that keep {AVERAGE_SIZE} countries a validation name; they keep "
        f"{min(sizes):.2f} to {max(sizes):.2f} a test name.\n"
        "Loss (s): seconds in the loss. –: another row's trained model.",
        (*ACCURACIES, "loss\n(s)"),
    )
    rows = [tuple(asdict(result.evaluation.accuracy).values()) for result in results]
    highest_of = [max(column) for column in zip(*rows, strict=True)]
    for result, row in zip(results, rows, strict=True):
        cells = [
            f"[bold]{share:.3f}[/bold]" if share == highest else f"{share:.3f}"
            for share, highest in zip(row, highest_of, strict=True)
        ]
        cells.append(f"{result.timing.seconds_in_loss:.2f}" if result.timing else "–")
        table.add_row(METHODS[result.method].title, *cells)
    return table


def trials_table(trials: Sequence[Trial]) -> Table:
    """Accuracies of every value of a constant; of each method, what the yardstick prefers in bold."""
    table = _table(
        "Accuracy on the validation names, by the value of each method's constant",
        "Mean: of the six. Bold: the highest mean of a method. *: the value in use.",
        (*ACCURACIES, "mean"),
    )
    for method, of_method in groupby(trials, lambda trial: trial.method):
        constant = METHODS[method].constant
        if constant is None:
            continue
        table.add_row(METHODS[method].title)
        for trial in of_method:
            style = "bold" if trial == best(trials, method) else ""
            in_use = "*" if trial.value == constant.chosen else " "
            figures = (*asdict(trial.accuracy).values(), trial.yardstick)
            table.add_row(
                f" {in_use} {constant.name} {trial.value:g}",
                *(f"{share:.3f}" for share in figures),
                style=style,
            )
    return table


def _table(title: str, caption: str, headings: Sequence[str]) -> Table:
    """A table with a column for names and one for each heading, and no rows yet."""
    table = Table(
        title=title,
        caption=caption,
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        # Without an edge it fits 80 columns.
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", vertical="bottom")
    return table


def write_json(path: Path, results: Sequence[Result], split: Split, settings: Settings) -> None:
    """Everything the table and the pictures show, and what it was made from."""
    counts = split.training.counts()
    document = {
        "settings": asdict(settings),
        "data": {
            "training_names": len(split.training.names),
            "validation_names": len(split.validation.names),
            "test_names": len(split.test.names),
            "countries": len(split.training.countries),
            "largest_class": int(counts.max()),
            "smallest_class": int(counts.min()),
        },
        "results": [
            {
                "method": result.method,
                "title": METHODS[result.method].title,
                "constant": _constant(result.method),
                **result.evaluation.as_json(),
                "timing": None if result.timing is None else asdict(result.timing),
            }
            for result in results
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _constant(method: str) -> dict[str, float] | None:
    """A method's constant by its name."""
    constant = METHODS[method].constant
    return None if constant is None else {constant.name: constant.chosen}

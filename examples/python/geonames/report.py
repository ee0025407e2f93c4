"""The table that ends a run, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from comparison import Result
from data import Cities
from losses import METHODS
from rich.box import SIMPLE_HEAD
from rich.table import Table
from training import Settings


def results_table(results: Sequence[Result]) -> Table:
    """Accuracies of every method, the best of each column in bold, and its seconds."""
    table = Table(
        title="Accuracy on the test names",
        caption="Class average: every country counts the same. –: another row's trained model.",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for heading in (
        "top-1",
        "class\naverage",
        "top-5",
        "class\naverage",
        "seconds\nin loss",
        "seconds\nin all",
    ):
        table.add_column(heading, justify="right", vertical="bottom")

    rows = [tuple(asdict(result.evaluation.accuracy).values()) for result in results]
    best = [max(column) for column in zip(*rows, strict=True)]
    for result, row in zip(results, rows, strict=True):
        cells = [
            f"[bold]{share:.3f}[/bold]" if share == highest else f"{share:.3f}"
            for share, highest in zip(row, best, strict=True)
        ]
        timing = result.timing
        cells += [f"{timing.seconds_in_loss:.2f}", f"{timing.seconds:.1f}"] if timing else ["–"] * 2
        table.add_row(METHODS[result.method].title, *cells)
    return table


def write_json(
    path: Path, results: Sequence[Result], training: Cities, test: Cities, settings: Settings
) -> None:
    """Everything the table and the picture show, and what it was made from."""
    counts = training.counts()
    document = {
        "settings": asdict(settings),
        "data": {
            "training_names": len(training.names),
            "test_names": len(test.names),
            "countries": len(training.countries),
            "largest_class": int(counts.max()),
            "smallest_class": int(counts.min()),
        },
        "results": [
            {
                "method": result.method,
                "title": METHODS[result.method].title,
                **result.evaluation.as_json(),
                "timing": None if result.timing is None else asdict(result.timing),
            }
            for result in results
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

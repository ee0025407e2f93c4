"""The table of results."""

from __future__ import annotations

from dataclasses import dataclass

from loop import Timing
from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """What came out for one loss: shares of the test names, and times."""

    title: str
    top_1: float
    top_1_class_average: float
    top_5: float
    top_5_class_average: float
    timing: Timing


def table_of(results: list[Result]) -> Table:
    """A row a loss."""
    table = Table(
        title="Accuracy on the test names",
        caption="Class average: every country counts the same. Step and loss: medians.\n"
        "Share: what part of a step the loss is, its own backward pass included.",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        # Without an edge it fits 80 columns, with the longest title.
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in (
        *("top-1", "class\naverage", "top-5", "class\naverage"),
        *("step\n(ms)", "loss\n(ms)", "share"),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        timing = result.timing
        table.add_row(
            result.title,
            f"{result.top_1:.3f}",
            f"{result.top_1_class_average:.3f}",
            f"{result.top_5:.3f}",
            f"{result.top_5_class_average:.3f}",
            f"{1e3 * timing.step:.2f}",
            f"{1e3 * timing.loss:.3f}",
            f"{timing.share:.1%}",
        )
    return table

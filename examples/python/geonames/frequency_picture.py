"""A picture: accuracy against how often a country occurs in training, a line a method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from comparison import Result
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from style import draw_line, set_shares, tidy, write_above


def draw_frequency(results: Sequence[Result], path: Path) -> None:
    """Two panels, top-1 and top-5; countries are grouped by their training names.

    A point is the average over the countries of a group, so that the largest country of a
    group does not speak for the others.
    """
    figure = Figure(figsize=(13, 7.2), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, k in zip(panels, (1, 5), strict=True):
        _draw_panel(panel, results, k)
    panels[0].set_title("Top-1: the right country comes first", pad=38)
    panels[1].set_title("Top-5: the right country is among the first five", pad=38)
    panels[0].set_ylabel("Accuracy, averaged over the countries of a group (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(
        "The rarer a country, the harder its names; what rare ones gain, the commonest lose"
    )
    figure.savefig(path, dpi=130)


def _draw_panel(panel: Axes, results: Sequence[Result], k: int) -> None:
    for result in results:
        bins = result.evaluation.by_frequency
        places = [each.typical_rows for each in bins]
        draw_line(panel, result.method, places, [e.top_1 if k == 1 else e.top_5 for e in bins])
    # The groups are the same for every method: so many countries a point stands for.
    write_above(panel, places, [each.countries for each in bins], "Countries in the group")
    panel.set_xscale("log")
    panel.set_xlabel("Names of the country in the training set (log scale)")
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    set_shares(panel)
    tidy(panel)

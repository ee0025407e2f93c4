"""The picture: accuracy against how often a country occurs in training, a line a method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from comparison import Result
from evaluation import FrequencyBin
from losses import METHODS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

# The palette of Masataka Okabe and Kei Ito, which people with colour-blindness can tell apart,
# less its yellow, which is too pale for a line. A marker of its own doubles every colour.
STYLES = (
    ("#000000", "o", "-"),
    ("#000000", "s", "--"),
    ("#E69F00", "D", "-"),
    ("#0072B2", "^", "-"),
    ("#56B4E9", "v", "-"),
    ("#D55E00", "P", "-"),
    ("#CC79A7", "X", "-"),
    ("#009E73", "*", "-"),
)

GREY = "#666666"


def draw(results: Sequence[Result], path: Path) -> None:
    """Two panels, top-1 and top-5; countries are grouped by their training names.

    A point is the average over the countries of a group, so that the largest country of a
    group does not speak for the others.
    """
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, k in zip(panels, (1, 5), strict=True):
        _draw_lines(panel, results, k)
        _write_group_sizes(panel, results[0].evaluation.by_frequency)
        _set_axes(panel)
    panels[0].set_title("Top-1: the right country comes first", pad=38)
    panels[1].set_title("Top-5: the right country is among the first five", pad=38)
    panels[0].set_ylabel("Accuracy, averaged over the countries of a group (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("Telling a city's country from its name, by how common the country is")
    figure.savefig(path, dpi=130)


def _draw_lines(panel: Axes, results: Sequence[Result], k: int) -> None:
    for number, result in enumerate(results):
        bins = result.evaluation.by_frequency
        color, marker, line = STYLES[number % len(STYLES)]
        panel.plot(
            [each.typical_rows for each in bins],
            [each.top_1 if k == 1 else each.top_5 for each in bins],
            color=color,
            marker=marker,
            linestyle=line,
            markersize=10 if marker in "PX*" else 7,
            markeredgecolor="white",
            markeredgewidth=0.8,
            linewidth=1.7,
            clip_on=False,
            label=METHODS[result.method].title,
        )


def _write_group_sizes(panel: Axes, bins: Sequence[FrequencyBin]) -> None:
    """How many countries a point stands for, above the panel in line with the points."""
    for each in bins:
        panel.annotate(
            f"{each.countries}",
            (each.typical_rows, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=GREY,
            fontsize=9,
        )
    panel.annotate(
        "Countries in the group",
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 19),
        textcoords="offset points",
        color=GREY,
        fontsize=9,
    )


def _set_axes(panel: Axes) -> None:
    panel.set_xscale("log")
    panel.set_xlabel("Names of the country in the training set (log scale)")
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    panel.set_ylim(0, 1)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.tick_params(labelleft=True)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)

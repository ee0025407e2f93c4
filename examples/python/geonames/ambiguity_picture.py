"""A picture: what sets of five countries on average do for names that many countries share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from comparison import Result
from evaluation import AmbiguityGroup, Example
from losses import METHODS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator
from sets import AVERAGE_SIZE
from style import GREY, draw_line, set_shares, tidy, write_above

SHOWN = ("cross-entropy", "two-head")
"""A method whose sets come from a softmax, and the one trained for sets."""


def draw_ambiguity(results: Sequence[Result], path: Path) -> None:
    """Two panels: how large the sets are, and how often they hold the right country.

    Names are grouped by the number of countries that have a city of that very name.
    """
    shown = [result for result in results if result.method in SHOWN] or results[:1]
    groups = shown[0].evaluation.by_ambiguity
    figure = Figure(figsize=(13, 7.2), layout="constrained")
    panels = figure.subplots(1, 2)
    _draw_sizes(panels[0], shown)
    _draw_shares(panels[1], shown)
    for panel in panels:
        write_above(
            panel,
            range(len(groups)),
            [each.test_names for each in groups],
            "Test names in the group",
        )
        panel.set_xticks(range(len(groups)), [_range(each) for each in groups])
        panel.set_xlabel("Countries that have a city of this name")
        tidy(panel)
    figure.suptitle(
        f"Asked for {AVERAGE_SIZE} countries a name on average, models spend them on ambiguous names"
    )
    figure.savefig(path, dpi=130)


def _draw_sizes(panel: Axes, results: Sequence[Result]) -> None:
    for result in results:
        sizes = [each.mean_set_size for each in result.evaluation.by_ambiguity]
        draw_line(panel, result.method, range(len(sizes)), sizes)
    panel.axhline(AVERAGE_SIZE, color=GREY, linestyle="--", linewidth=1.7, label="Top-5: always 5")
    first = results[0]
    title = METHODS[first.method].title
    _draw_examples(panel, first.evaluation.examples, first.evaluation.by_ambiguity, title)
    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_locator(MultipleLocator(5))
    panel.set_title("Sets grow with the number of countries that share a name", pad=38)
    panel.set_ylabel("Size of a name's set, mean over the names of a group")
    _legend_below(panel)


def _draw_examples(
    panel: Axes, examples: Sequence[Example], groups: Sequence[AmbiguityGroup], title: str
) -> None:
    """Single names beside the means, to the right of their dots or, in the last group, left."""
    places = [
        next(
            place
            for place, group in enumerate(groups)
            if group.fewest_countries <= example.found_in <= group.most_countries
        )
        for example in examples
    ]
    panel.plot(
        places,
        [example.set_size for example in examples],
        color=GREY,
        marker="o",
        markersize=3.5,
        linestyle="",
        label=f"Single names, {title.lower()}",
        clip_on=False,
    )
    for place, example in zip(places, examples, strict=True):
        last = place == len(groups) - 1
        panel.annotate(
            example.name,
            (place, example.set_size),
            xytext=(-6 if last else 6, 6),
            textcoords="offset points",
            ha="right" if last else "left",
            va="center",
            color=GREY,
            fontsize=9,
            # Lines may run behind a name, wherever its set's size puts it.
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )


def _draw_shares(panel: Axes, results: Sequence[Result]) -> None:
    for result in results:
        groups = result.evaluation.by_ambiguity
        title = METHODS[result.method].title
        draw_line(
            panel,
            result.method,
            range(len(groups)),
            [each.in_set for each in groups],
            label=f"{title}: its set",
        )
        draw_line(
            panel,
            result.method,
            range(len(groups)),
            [each.top_5 for each in groups],
            label=f"{title}: the first five",
            linestyle=":",
        )
    set_shares(panel)
    panel.set_title("Sets keep the right country where the first five lose it", pad=38)
    panel.set_ylabel("Accuracy over the names of a group (%)")
    _legend_below(panel)


def _legend_below(panel: Axes) -> None:
    """A legend that no line and no name can run into."""
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)


def _range(group: AmbiguityGroup) -> str:
    if group.fewest_countries == group.most_countries:
        return f"{group.fewest_countries}"
    return f"{group.fewest_countries}–{group.most_countries}"

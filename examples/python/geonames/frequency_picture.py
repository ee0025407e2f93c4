"""A picture: what adjusting for frequency does for rare countries, and what it costs common ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from comparison import Result
from evaluation import FrequencyBin
from losses import METHODS
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator, StrMethodFormatter
from style import FAINT, GREY, color_of, draw_line, set_shares, tidy

BASELINE = "cross-entropy"
ADJUSTED = "post-hoc", "logit-adjusted"
"""What the picture is about; other methods are in its background."""

RARE, COMMON = 100, 5000
"""Training names up to which a country is called rare, and from which common."""

Share = Callable[[FrequencyBin], float]
PANELS: tuple[tuple[str, Share], ...] = (
    ("The right country comes first", lambda each: each.top_1),
    ("It is among the first five", lambda each: each.top_5),
)


def draw_frequency(results: Sequence[Result], path: Path) -> None:
    """Two panels, top-1 and top-5; countries are grouped by their training names.

    A point is the average over the countries of a group, so that the largest country of a
    group does not speak for the others.
    """
    # Of 800 pixels, as a page shows it, 100 are an inch: letters have 15, and on phones half of that.
    with rc_context({"font.size": 11, "axes.titlesize": 12, "figure.titlesize": 14}):
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for panel, (title, share) in zip(panels, PANELS, strict=True):
            panel.set_title(title)
            _draw_panel(panel, results, share)
        panels[0].set_ylabel("Accuracy, mean over countries")
        figure.supxlabel("Names of the country in the training set (log scale)", fontsize=11)
        figure.suptitle(finding(results), fontweight="bold")
        figure.savefig(path, dpi=200)


def finding(results: Sequence[Result]) -> str:
    """What the picture shows, in words, or only what it is of, where that does not hold.

    Of every adjusted method: in each panel, rare countries are found more often, on average
    over them, and common ones less often.
    """
    shown = {result.method: result for result in results}
    adjusted = [shown[method] for method in ADJUSTED if method in shown]
    if BASELINE in shown and adjusted:
        gains = [
            _mean(each, share, 0, RARE) - _mean(shown[BASELINE], share, 0, RARE)
            for each in adjusted
            for _, share in PANELS
        ]
        losses = [
            _mean(shown[BASELINE], share, COMMON) - _mean(each, share, COMMON)
            for each in adjusted
            for _, share in PANELS
        ]
        if min(gains) > 0 and min(losses) > 0:
            return "Adjusted for frequency, rare countries gain and common ones lose"
    return "Accuracy by how common a country is"


def _mean(result: Result, share: Share, least: float, most: float = float("inf")) -> float:
    """Over the countries of the groups with so many names; 0 where there are none."""
    bins = [each for each in result.evaluation.by_frequency if least <= each.typical_rows < most]
    countries = sum(each.countries for each in bins)
    return sum(each.countries * share(each) for each in bins) / max(countries, 1)


def _draw_panel(panel: Axes, results: Sequence[Result], share: Share) -> None:
    story = [each for each in results if each.method in (BASELINE, *ADJUSTED)] or results[:1]
    for result in results:
        bins = result.evaluation.by_frequency
        places, values = [each.typical_rows for each in bins], [share(each) for each in bins]
        if result in story:
            draw_line(panel, result.method, places, values)
        else:
            panel.plot(places, values, color=FAINT, linewidth=1.2, zorder=1)
    # Lines rise to the right, so that there is room above and below them.
    middle = len(story[0].evaluation.by_frequency) // 2
    place = story[0].evaluation.by_frequency[middle].typical_rows
    heights = {each.method: share(each.evaluation.by_frequency[middle]) for each in story}
    if BASELINE in heights:
        _label(panel, BASELINE, (place, heights[BASELINE]), (8, -20), "left")
    above = [each.method for each in story if each.method != BASELINE]
    for number, method in enumerate(reversed(above)):
        top = max(heights[each] for each in above)
        _label(panel, method, (place, top), (-9, 5 + 15 * number), "right")
    if len(results) > len(story):
        panel.annotate(
            "other losses",
            (0.98, 0.03),
            xycoords="axes fraction",
            ha="right",
            color=GREY,
        )
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    set_shares(panel)
    panel.yaxis.set_major_locator(MultipleLocator(0.25))
    tidy(panel)


def _label(
    panel: Axes,
    method: str,
    point: tuple[float, float],
    offset: tuple[float, float],
    side: str,
) -> None:
    """The method's title beside a point of its line, in the line's colour."""
    panel.annotate(
        METHODS[method].title,
        point,
        xytext=offset,
        textcoords="offset points",
        ha=side,
        color=color_of(method),
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )

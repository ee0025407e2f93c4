"""What the pictures have in common: a method's line, and the look of a panel."""

from __future__ import annotations

from collections.abc import Sequence

from losses import METHODS
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

# Colours of the palette of Masataka Okabe and Kei Ito, which people with colour-blindness can tell
# apart, and a wine red of Paul Tol's; all dark enough for letters on white. A marker of its own
# doubles every colour; a method that is a variant of another shares its colour, dashed.
STYLES = {
    "cross-entropy": ("#000000", "o", "-"),
    "post-hoc": ("#0072B2", "s", "--"),
    "logit-adjusted": ("#0072B2", "D", "-"),
    "two-head": ("#882255", "h", "-"),
}
OTHER_STYLE = ("#666666", "^", "-")
"""Of methods that no picture is about."""

GREY, FAINT = "#666666", "#cccccc"


def color_of(method: str) -> str:
    """The colour of a method's line, and of what is written about it."""
    return STYLES.get(method, OTHER_STYLE)[0]


def draw_line(
    panel: Axes,
    method: str,
    places: Sequence[float],
    values: Sequence[float],
    *,
    label: str | None = None,
    linestyle: str | None = None,
) -> None:
    """A method's line, by default with its title in the legend and in its own style."""
    color, marker, own_linestyle = STYLES.get(method, OTHER_STYLE)
    panel.plot(
        places,
        values,
        color=color,
        marker=marker,
        linestyle=linestyle or own_linestyle,
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.8,
        linewidth=1.7,
        clip_on=False,
        label=label or METHODS[method].title,
    )


def write_above(panel: Axes, places: Sequence[float], numbers: Sequence[int], meaning: str) -> None:
    """Numbers above the panel, in line with the points that they belong to."""
    for place, number in zip(places, numbers, strict=True):
        panel.annotate(
            f"{number:,}",
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=GREY,
            fontsize=9,
        )
    panel.annotate(
        meaning,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 19),
        textcoords="offset points",
        color=GREY,
        fontsize=9,
    )


def set_shares(panel: Axes) -> None:
    """A vertical axis from 0 to 100 %."""
    panel.set_ylim(0, 1)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.tick_params(labelleft=True)


def tidy(panel: Axes) -> None:
    """A light grid behind the lines, and no frame at the top and the right."""
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)

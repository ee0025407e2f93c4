"""The picture: time a row against classes, on logarithmic axes, with the floor drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from benchmarks.bars import FLOOR
from benchmarks.lines import Line
from benchmarks.peers import COMPILE, DIFFTOPK, EAGER, JAX, PYTOPK

OURS = "topkloss"
PANELS = (
    ("logit_adjusted", "untrained", "Logit-adjusted cross-entropy"),
    ("noised_topk", "untrained", "Noised top-5, 5 samples, untrained rows"),
    ("noised_topk", "trained", "Noised top-5, 5 samples, trained-like rows"),
    ("exact_noised_topk", "untrained", "Noised top-5, exact, untrained rows"),
    ("exact_noised_topk", "trained", "Noised top-5, exact, trained-like rows"),
    ("smooth_topk_svm", "untrained", "Smooth top-5 SVM, untrained rows"),
)
# Okabe and Ito's colours, which the colour-blind can tell apart, and a marker each besides.
STYLES = {
    OURS: ("#D55E00", "o", "topkloss"),
    EAGER: ("#0072B2", "s", "PyTorch"),
    COMPILE: ("#56B4E9", "D", "torch.compile"),
    JAX: ("#009E73", "^", "JAX, jit"),
    PYTOPK: ("#CC79A7", "v", "pytopk (5 samples)"),
    DIFFTOPK: ("#E69F00", "P", "difftopk"),
    FLOOR: ("#555555", "", "one copy of the logits"),
}


def _series(lines: Sequence[Line]) -> dict[str, list[tuple[int, float]]]:
    """By name, classes and microseconds a row. Ours is measured beside each peer: the median."""
    series: dict[str, list[tuple[int, float]]] = {}
    by_size: dict[int, list[float]] = {}
    for line in lines:
        rows, classes = map(int, line.size.split("x"))
        series.setdefault(line.against, []).append((classes, 1000 * line.theirs / rows))
        by_size.setdefault(classes, []).append(1000 * line.ours / rows)
    middle = {classes: sorted(times)[len(times) // 2] for classes, times in by_size.items()}
    return {OURS: sorted(middle.items()), **series}


def _draw(axes: Axes, title: str, lines: Sequence[Line]) -> None:
    series = _series(lines)
    for name, (colour, marker, label) in STYLES.items():
        if name in series:
            classes, times = zip(*sorted(series[name]), strict=True)
            axes.plot(
                classes,
                times,
                color=colour,
                marker=marker or None,
                markersize=6,
                linewidth=2.5 if name == OURS else 1.5,
                linestyle="--" if name == FLOOR else "-",
                label=label,
                zorder=3 if name == OURS else 2,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def draw(path: Path, lines: Sequence[Line], note: str) -> bool:
    """Draws what panels there are lines for; whether there was any."""
    chosen = [
        (title, [x for x in lines if (x.section, x.loss, x.rows) == ("peers", loss, rows)])
        for loss, rows, title in PANELS
    ]
    chosen = [(title, each) for title, each in chosen if each]
    if not chosen:
        return False
    across = min(3, len(chosen))
    down = -(-len(chosen) // across)
    figure, grid = plt.subplots(
        down,
        across,
        figsize=(4.2 * across, 3.4 * down + 0.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, each) in zip(grid.flat, chosen, strict=False):
        _draw(axes, title, each)
    for axes in grid.flat[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("classes", fontsize=10)
    figure.supylabel("microseconds a row, value and gradient", fontsize=10)
    handles: dict[str, Artist] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(str(label), handle)
    order = [label for _, _, label in STYLES.values() if label in handles]
    figure.legend(
        handles=[handles[label] for label in order],
        labels=order,
        loc="outside upper center",
        ncols=len(order),
        frameon=False,
        fontsize=9,
        title=note,
        title_fontsize=9,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return True

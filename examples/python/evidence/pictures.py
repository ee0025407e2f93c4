"""Two pictures: what adjustment does for the class average, and how every claim fared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.stats  # type: ignore[import-untyped]
from claims import CLAIMS, TOP_1_CLASS, findings
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from methods import METHODS
from protocol import Results
from subjects import SUBJECTS

# The palette of Masataka Okabe and Kei Ito, which people with colour-blindness can tell apart.
COLORS = {"cross-entropy": "#999999", "post-hoc": "#56B4E9", "logit-adjusted": "#0072B2"}
MARKERS = (("o", "#0072B2"), ("s", "#D55E00"), ("^", "#009E73"))


def draw_class_average(results: Results, path: Path) -> None:
    """Class-average accuracy of three methods, a group of bars a subject, with standard errors."""
    figure = Figure(figsize=(8, 1.4 + 1.1 * len(results)), layout="constrained")
    panel = figure.subplots()
    for place, (subject, of_subject) in enumerate(results.items()):
        for row, name in enumerate(COLORS):
            values = 100 * of_subject[name][TOP_1_CLASS].values(TOP_1_CLASS)
            height = place + 0.27 * (row - 1)
            error = scipy.stats.sem(values)
            panel.barh(height, values.mean(), 0.25, color=COLORS[name], xerr=error, capsize=3)
            title = METHODS[name].title if place == 0 else ""
            panel.annotate(
                f"{values.mean():.1f}  {title}",
                (values.mean() + error, height),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        panel.text(0, place - 0.46, SUBJECTS[subject][0], fontweight="bold", va="center")
    panel.set_ylim(len(results) - 0.5, -0.6)
    panel.set_xlabel("Accuracy, averaged over the classes (%); bars: standard error over seeds")
    panel.set_yticks([])
    _tidy(panel)
    figure.savefig(path, dpi=130)


def draw_claims(results: Results, path: Path) -> None:
    """Every claim's difference with its interval of 95 %, a marker a subject."""
    figure = Figure(figsize=(11, 0.55 * len(CLAIMS) + 1.4), layout="constrained")
    panel = figure.subplots()
    panel.axvline(0, color="black", linewidth=0.8)
    all_found = findings(results)
    for number, (subject, (marker, color)) in enumerate(zip(results, MARKERS, strict=False)):
        found = all_found[subject]
        width = scipy.stats.t.ppf(0.975, len(_some_tests(results, subject)) - 1)
        panel.errorbar(
            [100 * each.difference for each in found],
            np.arange(len(CLAIMS)) + 0.22 * (number - 1),
            xerr=[100 * width * each.error for each in found],
            color=color,
            marker=marker,
            linestyle="none",
            capsize=2,
            label=SUBJECTS[subject][0],
        )
    panel.set_yticks(np.arange(len(CLAIMS)), [f"{each.text}" for each in CLAIMS])
    panel.set_ylim(len(CLAIMS) - 0.5, -0.5)
    panel.set_xlabel("Difference in percentage points: right of 0 is as the claim has it")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _tidy(panel)
    figure.savefig(path, dpi=110)


def _some_tests(results: Results, subject: str) -> tuple[dict[str, float], ...]:
    return results[subject]["cross-entropy"][TOP_1_CLASS].tests


def _tidy(panel: Axes) -> None:
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)

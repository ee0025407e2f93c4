"""docs/exact.md: its figures are the bounds that the tests hold the library to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import test_exact_estimator
import test_topk_cross_entropy
from losses import CASES
from support import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, LINEAR_BARS, NOISE_BARS, bar

PAGE = (Path(__file__).parents[3] / "docs/exact.md").read_text()


def row(beginning):
    """The cells of a table's row."""
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {beginning}")]
    return [cell.strip() for cell in line.replace("\\|", "").strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("beginning", "dtypes"),
    [("float64 |", [FLOAT64]), ("float32 |", [FLOAT32]), ("float16,", [FLOAT16, BFLOAT16])],
)
def test_of_types(beginning, dtypes):
    for dtype in dtypes:
        for cell in row(beginning)[1:]:
            assert float(cell.partition(",")[0]) == bar(dtype)


def test_of_losses_that_integrate():
    looser = {case.looser for case in CASES} - {1.0}
    assert [f"have {each} times those bounds" in PAGE for each in looser] == [True]
    integrating = ("exact", "topk_cross_entropy")
    assert all((case.looser > 1) == any(x in case.name for x in integrating) for case in CASES)


def test_of_the_exact_estimator():
    units = [test_exact_estimator.unit(dtype) for dtype in (FLOAT32, FLOAT64)]
    for beginning in ("the order statistic", "each entry of its gradient"):
        assert [*map(float, row(beginning))] == units
    sums = [test_exact_estimator.sum_bar(dtype) for dtype in (FLOAT32, FLOAT64)]
    assert [*map(float, row("the sum of a gradient"))] == sums
    bars = [test_topk_cross_entropy.BARS[dtype] for dtype in (FLOAT32, FLOAT64)]
    assert [*map(float, row("top-K cross-entropy"))] == bars


def test_of_the_noise_and_of_the_last_layer():
    """Relative, and absolute for what is small."""
    text = " ".join(PAGE.split())
    assert figures(re.search(r"second implementation, to (.*?);", text)[1]) == [NOISE_BARS]
    (section,) = re.findall(r"## The last layer .*?: (to .*?), where sums", text)
    assert figures(section) == [LINEAR_BARS[FLOAT64], LINEAR_BARS[FLOAT32]]


def figures(text):
    """Each "X, or absolute Y" of a text."""
    found = re.findall(r"(\S+e-\d+), or absolute (\S+e-\d+)", text)
    return [{"rtol": float(relative), "atol": float(absolute)} for relative, absolute in found]

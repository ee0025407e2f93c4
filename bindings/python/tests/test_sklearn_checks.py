"""scikit-learn's own checks of estimators, for losses of every kind. None is expected to fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.utils.estimator_checks import estimator_checks_generator

import topkloss
from topkloss.sklearn import LinearClassifier


def half_adjusted(counts):
    return topkloss.LogitAdjustedLoss(counts, tau=0.5)


ESTIMATORS = [
    LinearClassifier(),
    LinearClassifier(half_adjusted, solver="adam"),
    LinearClassifier("ldam", loss_options={"scale": 1.0}),
    LinearClassifier("focal"),
    LinearClassifier("single_positive"),
    LinearClassifier("smooth_topk_svm", loss_options={"k": 1}),
    LinearClassifier(topkloss.CrossEntropyLoss(label_smoothing=0.1)),
]


def checks():
    """Every check of the first estimator, and of one of the others in turn."""
    of_each = [list(estimator_checks_generator(estimator)) for estimator in ESTIMATORS]
    others = len(ESTIMATORS) - 1
    for number, pairs in enumerate(zip(*of_each, strict=True)):
        assert len({check.func.__name__ for _, check in pairs}) == 1
        yield from (pairs[0], pairs[1 + number % others])


@pytest.mark.filterwarnings("default")  # the checks warn of what they skip
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(checks()),
    ids=lambda value: getattr(getattr(value, "func", None), "__name__", None),
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_without_scikit_learn():
    finished = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['sklearn'] = None; import topkloss.sklearn",
        ],
        capture_output=True,
        text=True,
    )
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: topkloss.sklearn needs scikit-learn: pip install")

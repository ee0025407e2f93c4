"""scikit-learn's own checks of estimators, for losses of every kind. None is expected to fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.utils.estimator_checks import parametrize_with_checks

import topkloss
from topkloss.sklearn import LinearClassifier


def half_adjusted(counts):
    return topkloss.LogitAdjustedLoss(counts, tau=0.5)


ESTIMATORS = [
    LinearClassifier(),
    LinearClassifier(solver="adam"),
    LinearClassifier("logit_adjusted"),
    LinearClassifier("vector_scaling"),
    LinearClassifier("ldam", loss_options={"scale": 1.0}),
    LinearClassifier("elm", loss_options={"scale": 1.0}),
    LinearClassifier("focal"),
    LinearClassifier("smooth_topk_svm", loss_options={"k": 1}),
    LinearClassifier("single_positive"),
    LinearClassifier(topkloss.CrossEntropyLoss(label_smoothing=0.1)),
    LinearClassifier(half_adjusted),
]


@pytest.mark.filterwarnings("default")  # the checks warn of what they skip
@parametrize_with_checks(ESTIMATORS)
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

"""What the classifier refuses, and what it warns of."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.exceptions import ConvergenceWarning, NotFittedError
from test_sklearn_classifier import data

import topkloss
from topkloss.sklearn import LinearClassifier

__all__ = ["data"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "hinge"}, "one of cross_entropy"),
        ({"C": 0.0}, "C is 0.0"),
        ({"solver": "newton"}, "'lbfgs' or 'adam'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"loss": "topk_hinge", "loss_options": {"k": 3}}, "K is 1"),
        (
            {"loss": topkloss.CrossEntropyLoss(), "loss_options": {"label_smoothing": 1}},
            "by its name",
        ),
        ({"loss": lambda counts: counts}, "it must be a loss"),
        ({"loss": topkloss.CrossEntropyLoss}, "'cross_entropy'"),
    ],
)
def test_bad_parameters(data, options, words):
    inputs, labels, _ = data
    with pytest.raises(ValueError, match=words):
        LinearClassifier(**options).fit(inputs, labels)


def test_bad_weights(data):
    inputs, labels, weights = data
    with pytest.raises(ValueError, match="negative"):
        LinearClassifier().fit(inputs, labels, -weights)
    with pytest.raises(ValueError, match="only one class"):
        LinearClassifier().fit(inputs, labels, weights * (labels == "rare"))


def test_too_few_iterations_warn(data):
    inputs, labels, _ = data
    with pytest.warns(ConvergenceWarning, match="2 iterations"):
        LinearClassifier(max_iter=2).fit(inputs, labels)


def test_steep_ends_warn(data):
    """Whatever ended the search: here, a kink that no search along a line gets over."""
    inputs, labels, _ = data
    model = LinearClassifier("topk_hinge", loss_options={"k": 1}, solver="lbfgs", max_iter=5000)
    with pytest.warns(ConvergenceWarning, match="largest entry"):
        model.fit(inputs[:100], labels[:100])
    assert model.n_iter_ < 5000


def test_unfitted():
    with pytest.raises(NotFittedError):
        LinearClassifier().predict_sets(np.zeros((1, 2)), k=1)
    assert not hasattr(LinearClassifier("focal"), "predict_proba")
    assert not hasattr(LinearClassifier(topkloss.LDAMLoss), "predict_proba")
    assert hasattr(LinearClassifier(topkloss.CrossEntropyLoss()), "predict_proba")

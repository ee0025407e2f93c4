"""Columns of any scale and centre, and weights of classes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from test_sklearn_classifier import data

import topkloss
from topkloss.sklearn import LinearClassifier

__all__ = ["data"]

WEAK = 1e20  # regularisation that a column's scale does not matter to


@pytest.fixture
def overlapping(data, rng):
    """The same rows, with classes that no plane parts: without regularisation there is a model."""
    inputs, labels, _ = data
    return inputs, np.where(rng.random(len(labels)) < 0.2, rng.permutation(labels), labels)


@pytest.fixture
def expected(overlapping):
    """Probabilities of the model that scikit-learn fits to columns of one scale."""
    inputs, labels = overlapping
    unit = StandardScaler().fit_transform(inputs)
    model = LogisticRegression(C=1e9, tol=1e-9, max_iter=5000).fit(unit, labels)
    return model.predict_proba(unit)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("kind", ["dense", "sparse", "float32"])
def test_one_column_of_another_scale(overlapping, expected, scale, kind):
    inputs, labels = overlapping
    inputs = inputs * np.array([scale, 1, 1, 1, 1, 1])
    inputs = {"dense": np.asarray, "sparse": scipy.sparse.csr_array, "float32": np.float32}[kind](
        inputs
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = LinearClassifier(C=WEAK, tol=1e-7).fit(inputs, labels)
    np.testing.assert_allclose(
        model.predict_proba(inputs), expected, atol=5e-3 if kind == "float32" else 1e-4
    )


def test_scales_and_centres_far_apart(overlapping, expected):
    """Years, prices and shares in one table; a constant column, and one that is 0 throughout."""
    inputs, labels = overlapping
    table = inputs * np.array([1e9, 1e-7, 1, 1e4, 1e-2, 30]) + np.array([0, 0, 2000, 1e7, 0, 0])
    table = np.column_stack([table, np.full(len(table), 0.1), np.zeros(len(table))])
    model = LinearClassifier(C=WEAK, tol=1e-7).fit(table, labels)
    np.testing.assert_allclose(model.predict_proba(table), expected, atol=1e-3)
    assert abs(model.coef_[:, 7]).max() == 0


@pytest.mark.parametrize("factor", [1e-100, 1e200])
def test_squares_that_overflow(overlapping, expected, factor):
    inputs, labels = overlapping
    model = LinearClassifier(C=1e300, tol=1e-7).fit(inputs * factor, labels)
    np.testing.assert_allclose(model.predict_proba(inputs * factor), expected, atol=1e-3)


def test_a_rate_suits_all_columns(overlapping):
    inputs, labels = overlapping
    options = {"solver": "adam", "random_state": 0, "C": WEAK}
    scales = np.array([1e6, 1, 1e-6, 1, 1, 1])
    plain = LinearClassifier("topk_hinge", loss_options={"k": 1}, **options).fit(inputs, labels)
    model = LinearClassifier("topk_hinge", loss_options={"k": 1}, **options)
    model.fit(inputs * scales, labels)
    np.testing.assert_allclose(
        model.decision_function(inputs * scales), plain.decision_function(inputs), atol=1e-6
    )


def test_the_objective_is_the_same_as_ever(data):
    """Whatever the units of the search: coefficients are penalised as they are."""
    inputs, labels, weights = data
    inputs = inputs * np.array([20, 0.1, 1, 1, 1, 1]) + 3
    own = LogisticRegression(C=0.05, solver="newton-cholesky", tol=1e-9).fit(
        inputs, labels, weights
    )
    model = LinearClassifier(C=0.05, tol=1e-9).fit(inputs, labels, weights)
    np.testing.assert_allclose(model.coef_, own.coef_, atol=1e-5)


@pytest.mark.parametrize("class_weight", ["balanced", {"rare": 5.0, "common": 0.5}])
def test_class_weight_is_that_of_logistic_regression(data, class_weight):
    inputs, labels, _ = data
    own = LogisticRegression(C=0.3, class_weight=class_weight, solver="newton-cholesky", tol=1e-9)
    own.fit(inputs, labels)
    model = LinearClassifier(C=0.3, class_weight=class_weight, tol=1e-9).fit(inputs, labels)
    np.testing.assert_allclose(model.coef_, own.coef_, atol=1e-5)
    assert model.class_counts_.tolist() == [(labels == c).sum() for c in model.classes_]


def test_balanced_counts_rows_by_their_weights(data):
    """A weight of 2 is the same as the row twice."""
    inputs, labels, _ = data
    twice = np.where(np.arange(len(labels)) % 3 == 0, 2, 1)
    model = LinearClassifier("focal", class_weight="balanced", tol=1e-8)
    expected = model.fit(np.repeat(inputs, twice, axis=0), np.repeat(labels, twice)).coef_
    np.testing.assert_allclose(model.fit(inputs, labels, twice).coef_, expected, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"rare": -1.0}, {"rare": np.nan}, "even", {"unheard of": 2.0}])
def test_wrong_class_weights(data, wrong):
    with pytest.raises(ValueError, match=r"class_weight|not in class|classes"):
        LinearClassifier(class_weight=wrong).fit(*data[:2])


def test_masked_rows(data):
    inputs, labels, weights = data
    mask = np.ma.masked_array(inputs, mask=inputs > 2)
    for arguments in ((mask, labels), (inputs, labels, np.ma.masked_array(weights))):
        with pytest.raises(topkloss.TopKLossError, match="masked array"):
            LinearClassifier().fit(*arguments)

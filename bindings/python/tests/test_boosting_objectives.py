"""Objectives for boosted trees: second derivatives against differences of the gradient."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from losses import BY_NAME, CASES, DIFFERENTIABLE
from pairwise import pairwise
from support import long_tail

import topkloss
from topkloss.boosting import (
    lightgbm_metric,
    lightgbm_objective,
    xgboost_metric,
    xgboost_objective,
)

CLASSES = 7
COUNTS = long_tail(CLASSES, np.random.default_rng(3))
WEIGHT = np.array([0.5, 2.0, 1.0, 0.0, 1.5, 0.7, 1.1])

SOFTMAX = [case.name for case in CASES if "label_smoothing" in case.parameters]
SMOOTH = [name for name in SOFTMAX if name in DIFFERENTIABLE]
DIAGONAL = ("outlying_mse", "assume_negative", "weak_assume_negative")


def softmax(name, **options):
    """A member of the family, its scale so small that differences can be taken."""
    given = BY_NAME[name].options(COUNTS)
    if "scale" in given:
        given["scale"] = 1.7
    return type(BY_NAME[name].make(COUNTS))(**given, reduction="sum", **options)


class Data:
    """What an objective sees of a DMatrix or a Dataset."""

    def __init__(self, labels, weights=None):
        self._labels, self._weights = labels, weights

    def get_label(self):
        return np.asarray(self._labels, np.float32)

    def get_weight(self):
        return self._weights


def batch(rng, rows=20):
    return rng.normal(size=(rows, CLASSES)), rng.integers(CLASSES, size=rows)


def second_differences(loss, scores, labels, step=1e-5):
    """d2l/dz_j2 of every row, from central differences of the library's gradient."""
    found = np.empty_like(scores)
    for j in range(scores.shape[1]):
        shift = np.zeros_like(scores)
        shift[:, j] = step
        above = loss.value_and_grad(scores + shift, labels)[1][:, j]
        below = loss.value_and_grad(scores - shift, labels)[1][:, j]
        found[:, j] = (above - below) / (2 * step)
    return found


@pairwise(name=SMOOTH, smoothing=(0.0, 0.2), weighted=(False, True))
def test_softmax_diagonals(name, smoothing, weighted, rng):
    loss = softmax(name, label_smoothing=smoothing, class_weight=WEIGHT if weighted else None)
    scores, labels = batch(rng)
    expected = second_differences(loss, scores, labels)
    assert expected.min() > -1e-6
    for make, factor in ((xgboost_objective, 2), (lightgbm_objective, CLASSES / (CLASSES - 1))):
        gradient, hessian = make(loss)(scores, Data(labels))
        np.testing.assert_array_equal(gradient, loss.value_and_grad(scores, labels)[1])
        np.testing.assert_allclose(hessian, factor * expected, rtol=1e-5, atol=1e-7)
        assert hessian.min() >= 1e-16


@pytest.mark.parametrize("name", DIAGONAL)
def test_diagonal_hessians(name, rng):
    loss = BY_NAME[name].make(COUNTS)
    scores, labels = batch(rng)
    summed = type(loss)(**{**loss._arguments, "reduction": "sum"})
    expected = second_differences(summed, scores, labels)
    for make in (xgboost_objective, lightgbm_objective):
        _, hessian = make(loss)(scores, Data(labels))
        np.testing.assert_allclose(hessian, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", SMOOTH)
def test_factor_of_two_bounds_the_hessian(name, rng):
    """2 diag(H) - H has no negative eigenvalue, for the whole Hessian by differences."""
    loss = softmax(name)
    scores, labels = batch(rng, rows=4)
    _, diagonal = xgboost_objective(loss)(scores, Data(labels))
    for row in range(4):
        z, y = scores[row : row + 1], labels[row : row + 1]
        whole = np.empty((CLASSES, CLASSES))
        for j in range(CLASSES):
            shift = 1e-5 * np.eye(CLASSES)[j : j + 1]
            above = loss.value_and_grad(z + shift, y)[1]
            whole[j] = (above - loss.value_and_grad(z - shift, y)[1]) / 2e-5
        bound = np.diag(diagonal[row]) - (whole + whole.T) / 2
        assert np.linalg.eigvalsh(bound).min() > -1e-7


@pytest.mark.parametrize("name", SOFTMAX)
def test_hessians_are_those_of_the_scores_in_the_softmax(name, rng):
    """Whatever the gradient takes for a constant, the Hessian does too."""
    scores, labels = batch(rng)
    loss = softmax(name)
    gradient, hessian = xgboost_objective(loss)(scores, Data(labels))
    factor = np.broadcast_to(loss._traits.softmax_factor(loss), CLASSES)
    shares = gradient / factor
    shares[np.arange(len(labels)), labels] += 1
    np.testing.assert_allclose(
        hessian, 2 * shares * (1 - shares) * factor**2, rtol=1e-7, atol=1e-12
    )


def test_rows_that_the_model_is_sure_of():
    """In float32, p_y may round to 1: the second derivative at the label must not."""
    scores = np.zeros((3, CLASSES), np.float32)
    labels = np.array([0, 1, 2])
    scores[np.arange(3), labels] = [5, 20, 60]
    _, hessian = xgboost_objective(topkloss.CrossEntropyLoss())(scores, Data(labels))
    wide = scores.astype(np.float64)
    shares = np.exp(wide) / np.exp(wide).sum(1, keepdims=True)
    others = shares.copy()
    others[np.arange(3), labels] = 0
    expected = 2 * shares * (1 - shares)
    expected[np.arange(3), labels] = 2 * shares[np.arange(3), labels] * others.sum(1)
    np.testing.assert_allclose(hessian, np.maximum(expected, 1e-16), rtol=1e-3, atol=2e-16)
    assert hessian.dtype == np.float32


def test_weights_multiply(rng):
    scores, labels = batch(rng)
    weights = rng.uniform(0, 2, len(labels))
    weights[3] = 0
    objective = xgboost_objective(topkloss.LogitAdjustedLoss(COUNTS))
    gradient, hessian = objective(scores, Data(labels))
    for actual in (
        objective(scores, Data(labels, weights)),
        objective(labels, scores, sample_weight=weights),
    ):
        np.testing.assert_allclose(actual[0], gradient * weights[:, None])
        np.testing.assert_allclose(actual[1], np.maximum(hessian * weights[:, None], 1e-16))
    np.testing.assert_array_equal(objective(scores, Data(labels, np.empty(0)))[0], gradient)


def test_columns_first_and_float32(rng):
    """LightGBM's scores lie class by class."""
    scores, labels = batch(rng)
    objective = lightgbm_objective(topkloss.CrossEntropyLoss())
    expected = objective(scores, Data(labels))
    for found, wanted in zip(
        objective(np.asfortranarray(scores), Data(labels)), expected, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_ignored_rows(rng):
    scores, labels = batch(rng)
    labels[2] = -100
    gradient, hessian = xgboost_objective(topkloss.CrossEntropyLoss())(scores, Data(labels))
    assert not gradient[2].any()
    assert (hessian[2] == np.full(CLASSES, 1e-16)).all()
    assert (hessian[3] > 1e-6).all()


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (topkloss.FocalLoss(), "not convex"),
        (topkloss.TopKHingeLoss(2), "piecewise linear"),
        (topkloss.NoisedTopKLoss(2), "either sign"),
        (topkloss.SmoothTopKSVMLoss(2), "either sign"),
        (topkloss.TwoHeadAverageKLoss(2), "two heads"),
        (topkloss.SinglePositiveLoss("epr", expected_positives=2), "couples all rows"),
        ("multi:softprob", "is no loss"),
    ],
)
def test_refused_with_a_reason(loss, reason):
    for make in (xgboost_objective, lightgbm_objective):
        with pytest.raises(topkloss.TopKLossError, match=reason) as caught:
            make(loss)
        assert "LogitAdjustedLoss" in str(caught.value)


def test_refused_losses_have_negative_curvature_indeed(rng):
    """What the refusals say: there are rows with negative second derivatives."""
    for loss in (
        topkloss.FocalLoss(reduction="sum"),
        topkloss.SmoothTopKSVMLoss(2, reduction="sum"),
        topkloss.NoisedTopKLoss(2, estimator="exact", margin=9.0, reduction="sum"),
    ):
        scores, labels = batch(rng, rows=200)
        assert second_differences(loss, 2 * scores, labels).min() < -1e-3, loss


def test_bad_scores_and_labels(rng):
    scores, labels = batch(rng)
    objective = xgboost_objective(topkloss.CrossEntropyLoss())
    with pytest.raises(topkloss.TopKLossError, match="num_class"):
        objective(scores.ravel(), Data(labels))
    with pytest.raises(topkloss.TopKLossError, match=r"\.5; labels must be whole"):
        objective(scores, Data(labels + 0.5))
    with pytest.raises(topkloss.TopKLossError, match=r"labels\[0\]"):
        objective(scores, Data(labels + CLASSES))


@pytest.mark.parametrize("make", [xgboost_objective, lightgbm_metric])
def test_bad_weights(make, rng):
    scores, labels = batch(rng)
    called = make(topkloss.CrossEntropyLoss())
    with pytest.raises(topkloss.TopKLossError, match=r"shape \(1,\)"):
        called(labels, scores, sample_weight=np.ones(1))
    for wrong in (-1.0, np.nan):
        weights = np.ones(len(labels))
        weights[2] = wrong
        with pytest.raises(topkloss.TopKLossError, match="0 or more"):
            called(labels, scores, sample_weight=weights)


def test_noised_metrics_do_not_change(rng):
    scores, labels = batch(rng)
    metric = xgboost_metric(topkloss.NoisedTopKLoss(2, margin=9.0))
    assert metric(scores, Data(labels)) == metric(scores, Data(labels))


def test_metrics(rng):
    scores, labels = batch(rng)
    weights = rng.uniform(0, 2, len(labels))
    loss = topkloss.LogitAdjustedLoss(COUNTS, reduction="none")
    expected = topkloss.LogitAdjustedLoss(COUNTS)(scores, labels, sample_weight=weights)
    data = Data(labels, weights)
    assert xgboost_metric(loss)(scores, data) == ("logit_adjusted", expected)
    assert lightgbm_metric(loss)(scores, data) == ("logit_adjusted", expected, False)
    assert xgboost_metric(loss)(labels, scores, sample_weight=weights) == expected


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies(copied, rng):
    scores, labels = batch(rng)
    loss = topkloss.LogitAdjustedLoss(COUNTS)
    for made in (xgboost_objective(loss), lightgbm_objective(loss)):
        for found, expected in zip(
            copied(made)(scores, Data(labels)), made(scores, Data(labels)), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    metric = lightgbm_metric(loss)
    assert copied(metric)(scores, Data(labels)) == metric(scores, Data(labels))


def test_masked_arrays_are_refused(rng):
    """By the scikit-learn interfaces, which hand on what they are given."""
    scores, labels = batch(rng)
    objective = xgboost_objective(topkloss.CrossEntropyLoss())
    for given in (
        (np.ma.masked_array(labels), scores),
        (labels, np.ma.masked_array(scores)),
        (labels, scores, np.ma.masked_array(np.ones(len(labels)))),
    ):
        with pytest.raises(topkloss.TopKLossError, match="masked array"):
            objective(*given)

"""Learning from one positive label a row: its edges, and the loss that sees the whole batch."""

from __future__ import annotations

import numpy as np
import pytest
import reference_average_k
from pairwise import pairwise
from scipy.special import expit
from support import DTYPES, FLOAT32, FLOAT64, assert_gradient, assert_value

import topkloss

METHODS = {
    "an": topkloss.SinglePositiveLoss(reduction="none"),
    "wan": topkloss.SinglePositiveLoss("wan", reduction="none"),
    "epr": topkloss.SinglePositiveLoss("epr", expected_positives=2.5, reduction="none"),
}


def test_by_hand():
    logits = np.array([[0.5, -1.0, 2.0]])
    f = expit(logits[0])
    negatives = np.log(1 - f[0]) + np.log(1 - f[2])
    assert METHODS["an"](logits, [1])[0] == pytest.approx(-(np.log(f[1]) + negatives) / 3)
    assert METHODS["wan"](logits, [1])[0] == pytest.approx(-(np.log(f[1]) + negatives / 2) / 3)
    penalty = ((f.sum() - 2.5) / 3) ** 2
    assert METHODS["epr"](logits, [1])[0] == pytest.approx(-np.log(f[1]) + penalty)


@pairwise(method=tuple(METHODS), dtype=(FLOAT32, FLOAT64))
def test_confident_rows_keep_their_small_gradient(method, dtype):
    """Far from 0 a sigmoid is an exponential; 1 - f would lose it."""
    logits = np.array([[20.0, -20.0, -30.0]], dtype)
    loss = METHODS[method]
    if method == "epr":
        loss = topkloss.SinglePositiveLoss(
            "epr", expected_positives=2.0, regularization=0.0, reduction="none"
        )
    values, gradient = loss.value_and_grad(logits, [0])
    tail = np.exp([-20.0, -20.0, -30.0])
    if method == "epr":
        parts = tail * [1, 0, 0]
    else:
        parts = tail * ([1, 0.5, 0.5] if method == "wan" else [1, 1, 1]) / 3
    np.testing.assert_allclose(gradient[0] * [-1, 1, 1], parts, rtol=1e-5)
    assert values[0] == pytest.approx(parts.sum(), rel=1e-5)


@pairwise(method=tuple(METHODS), dtype=DTYPES)
def test_masked_classes_have_probability_0(method, dtype, rng):
    logits = rng.standard_normal((4, 6)).astype(dtype)
    logits[0, 2] = logits[1, 3] = -np.inf
    values, gradient = METHODS[method].value_and_grad(logits, [1, 3, 0, 5])
    assert np.isfinite(values[[0, 2, 3]].astype(float)).all()
    assert np.isposinf(values[1].astype(float))
    assert not np.isnan(gradient.astype(float)).any()
    assert gradient[0, 2] == 0


@pytest.mark.parametrize("method", ["an", "wan"])
def test_one_class(method, rng):
    logits = rng.standard_normal((5, 1))
    values, gradient = METHODS[method].value_and_grad(logits, np.zeros(5, int))
    np.testing.assert_allclose(values, np.logaddexp(0, -logits[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(gradient, -expit(-logits), rtol=1e-12)


@pairwise(reduction=("mean", "sum", "none"), dtype=DTYPES)
def test_regularisation_sees_the_weighted_batch(reduction, dtype, rng):
    logits = rng.standard_normal((9, 14)).astype(dtype)
    labels = rng.integers(14, size=9)
    labels[4] = -100
    weights = rng.uniform(0, 2, 9)
    weights[2] = 0
    options = {"expected_positives": 0.5, "regularization": 30.0}
    expected = reference_average_k.expected_positive(
        logits, labels, sample_weight=weights, reduction=reduction, **options
    )
    loss = topkloss.SinglePositiveLoss("epr", reduction=reduction, **options)
    value, gradient = loss.value_and_grad(logits, labels, sample_weight=weights)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


def test_gradient_of_none_is_that_of_all_rows_losses(rng):
    """Central differences of the sum of the values."""
    logits, labels = rng.standard_normal((3, 4)), [1, 0, 3]
    loss = topkloss.SinglePositiveLoss(
        "epr", expected_positives=3, regularization=9, reduction="none"
    )
    _, gradient = loss.value_and_grad(logits, labels)
    for index in np.ndindex(3, 4):
        higher, lower = logits.copy(), logits.copy()
        higher[index] += 1e-5
        lower[index] -= 1e-5
        rise = loss(higher, labels).sum() - loss(lower, labels).sum()
        assert gradient[index] == pytest.approx(rise / 2e-5, abs=1e-8)

"""The focal loss at its edges; `test_every_loss` has the rest."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from support import DTYPES, FLOAT32, FLOAT64, assert_gradient, assert_value, bits

import topkloss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
GAMMAS = [0.0, 0.3, 1.0, 2.0, 5.0]


def expect(logits, labels, gamma, class_weight=None, **options):
    rows = [
        reference.focal_row(z, int(y), gamma=gamma, class_weight=class_weight)
        for z, y in zip(logits, labels, strict=True)
    ]
    return reference.reduced(rows, labels, class_weight=class_weight, **options)


@dtypes
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_class_weights(dtype, gamma, reduction, rng):
    logits = (3 * rng.standard_normal((23, 37))).astype(dtype)
    labels = rng.integers(37, size=23)
    weights, sample_weight = rng.uniform(0, 3, 37), rng.uniform(0, 2, 23)
    options = {"class_weight": weights, "reduction": reduction}
    expected = expect(logits, labels, gamma, sample_weight=sample_weight, **options)
    value, gradient = topkloss.FocalLoss(gamma, **options).value_and_grad(
        logits, labels, sample_weight=sample_weight
    )
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@dtypes
@pytest.mark.parametrize("classes", [1, 2, 7, 16, 33, 1000])
def test_gamma_0_is_cross_entropy_to_the_last_bit(dtype, classes, rng):
    logits = (5 * rng.standard_normal((40, classes))).astype(dtype)
    logits[3] *= 4
    labels = rng.integers(classes, size=40)
    options = {"class_weight": rng.uniform(0, 3, classes), "reduction": "none"}
    focal = topkloss.FocalLoss(0, **options).value_and_grad(logits, labels)
    plain = topkloss.CrossEntropyLoss(**options).value_and_grad(logits, labels)
    assert bits(focal[0]) == bits(plain[0])
    assert bits(focal[1]) == bits(plain[1])


@pytest.mark.parametrize(("dtype", "tolerance"), [(FLOAT32, 3e-5), (FLOAT64, 1e-11)], ids=str)
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("lead", [5.0, 12.0, 20.0, 30.0])
def test_confident_rows_keep_their_small_numbers(dtype, tolerance, gamma, lead, rng):
    """As p_y tends to 1, 1 - p_y must come from the other classes, not from 1 - p_y."""
    logits = rng.uniform(-1, 0, (8, 33)).astype(dtype)
    labels = rng.integers(33, size=8)
    logits[np.arange(8), labels] = lead
    expected = expect(logits, labels, gamma, reduction="none")
    values, gradient = topkloss.FocalLoss(gamma, reduction="none").value_and_grad(logits, labels)
    tiny = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(values, expected[0], rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(gradient, expected[1], rtol=tolerance, atol=tiny)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_huge_logits(dtype, gamma, size, rng):
    """p_y is 0 or 1 in all arithmetic; nothing is NaN."""
    logits = (size * rng.choice([-1.0, 0.0, 1.0], (30, 17))).astype(dtype)
    labels = rng.integers(17, size=30)
    expected = expect(logits, labels, gamma, reduction="none")
    values, gradient = topkloss.FocalLoss(gamma, reduction="none").value_and_grad(logits, labels)
    assert_value(values, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@dtypes
@pytest.mark.parametrize("gamma", GAMMAS)
def test_masked_classes(dtype, gamma, rng):
    logits = rng.standard_normal((12, 21)).astype(dtype)
    labels = rng.integers(21, size=12)
    masked = rng.random((12, 21)) < 0.3
    masked[np.arange(12), labels] = np.arange(12) % 4 == 0
    logits[masked] = -np.inf
    logits[5] = -np.inf
    logits[5, labels[5]] = 0.5  # alone: p_y = 1
    expected = expect(logits, labels, gamma, reduction="none")
    assert np.isposinf(expected[0][::4]).all()
    values, gradient = topkloss.FocalLoss(gamma, reduction="none").value_and_grad(logits, labels)
    assert_value(values, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


def test_by_hand():
    """Two equal logits: p = 1/2."""
    value, gradient = topkloss.FocalLoss(2.0).value_and_grad(np.zeros((1, 2)), [0])
    assert value == pytest.approx(np.log(2) / 4, rel=1e-14)
    # d/dp of (1 - p)^2 (-log p) at 1/2, times dp/dz = 1/4.
    slope = (-2 * 0.5 * np.log(2) - 0.25 / 0.5) / 4
    np.testing.assert_allclose(gradient, [[slope, -slope]], rtol=1e-14)

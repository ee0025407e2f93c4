"""The smooth top-K SVM: against sums over subsets, at extremes, and as tau tends to 0."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reference_topk
from pairwise import pairwise
from support import DTYPES, FLOAT32, FLOAT64, assert_gradient, assert_value

import topkloss

ARITHMETICS = (FLOAT32, FLOAT64)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
arithmetics = pytest.mark.parametrize("dtype", ARITHMETICS, ids=str)


def expect(row, logits, labels, **options):
    rows = [row(z, int(y), **options) for z, y in zip(logits, labels, strict=True)]
    return reference.reduced(rows, labels, reduction="none")


def svm(logits, labels, k, tau=1.0, alpha=1.0):
    loss = topkloss.SmoothTopKSVMLoss(k, tau, alpha, reduction="none")
    return loss.value_and_grad(logits, labels)


def test_the_formulations_of_the_svm_agree(rng):
    logits = rng.standard_normal((10, 8))
    labels = rng.integers(8, size=10)
    for k in range(1, 8):
        options = {"k": k, "tau": 0.6, "alpha": 1.2}
        values, gradient = expect(reference_topk.smooth_svm_row, logits, labels, **options)
        for z, y, value, slope in zip(logits, labels, values, gradient, strict=True):
            definition = reference_topk.smooth_svm_by_subsets(z, y, **options)
            assert value == pytest.approx(definition, rel=1e-12)
            assert slope.sum() == pytest.approx(0, abs=1e-14)


@pairwise(
    dtype=DTYPES,
    classes=(2, 3, 5, 9),
    options=((1.0, 1.0), (0.3, 0.5), (4.0, -1.0), (1.0, 0.0)),
)
def test_against_sums_over_subsets(dtype, classes, options, rng):
    tau, alpha = options
    logits = (2 * rng.standard_normal((6, classes))).astype(dtype)
    labels = rng.integers(classes, size=6)
    for k in range(1, classes):
        expected = [
            reference_topk.smooth_svm_by_subsets(z, y, k=k, tau=tau, alpha=alpha)
            for z, y in zip(logits, labels, strict=True)
        ]
        values, _ = svm(logits, labels, k, tau, alpha)
        assert_value(values, expected, dtype)


def assert_svm(logits, labels, k, tau=1.0):
    expected = expect(reference_topk.smooth_svm_row, logits, labels, k=k, tau=tau)
    values, gradient = svm(logits, labels, k, tau)
    assert_value(values, expected[0], logits.dtype)
    assert_gradient(gradient, expected[1], logits.dtype)
    return values


@pairwise(dtype=DTYPES, k=(1, 2, 5, 10), classes=(11, 16, 100, 400))
def test_of_many_classes(dtype, k, classes, rng):
    logits = (3 * rng.standard_normal((3, classes))).astype(dtype)
    assert_svm(logits, rng.integers(classes, size=3), k)


@arithmetics
def test_of_many_and_of_all_rivals(dtype, rng):
    for k in (50, 98, 99):
        logits = rng.standard_normal((3, 100)).astype(dtype)
        assert_svm(logits, rng.integers(100, size=3), k)


@pairwise(dtype=ARITHMETICS, k=(1, 5), tau=(0.01, 0.1, 1.0, 10.0, 100.0), size=(1.0, 100.0, 1e4))
def test_at_extremes(dtype, k, tau, size, rng):
    """Logits to 10,000 and temperatures from 0.01 to 100: exponents of a million."""
    logits = (size * rng.uniform(-1, 1, (12, 20))).astype(dtype)
    logits[0] = size
    logits[1] = -size
    logits[2] = size * rng.choice([-1, 1], 20)
    logits[3, :10] = size + rng.standard_normal(10)
    assert np.isfinite(assert_svm(logits, rng.integers(20, size=12), k, tau)).all()


@dtypes
def test_of_masked_classes(dtype, rng):
    logits = rng.standard_normal((30, 12)).astype(dtype)
    logits[rng.random((30, 12)) < 0.5] = -np.inf
    values = assert_svm(logits, rng.integers(12, size=30), 4).astype(float)
    assert np.isposinf(values).any()
    assert (values == 0).any()
    logits = rng.standard_normal((4, 100)).astype(dtype)
    logits[:, ::4] = -np.inf
    for k in (30, 60, 74):
        assert_svm(logits, np.array([1, 2, 3, 4]), k)


@pairwise(dtype=ARITHMETICS, k=(1, 3))
def test_small_tau_tends_to_the_hard_svm(dtype, k, rng):
    """max(0, alpha + sum of the k best rivals / k - (label + the k - 1 best rivals) / k)."""
    logits = rng.standard_normal((20, 12)).astype(dtype)
    labels = rng.integers(12, size=20)
    values, _ = svm(logits, labels, k, 1e-3)
    for z, y, value in zip(logits.astype(float), labels, values, strict=True):
        rivals = np.sort(np.delete(z, y))[::-1]
        hard = max(0.0, 1 + (rivals[:k].sum() - z[y] - rivals[: k - 1].sum()) / k)
        assert value == pytest.approx(hard, abs=1e-2)


def test_of_k_1_is_a_softmax_with_a_margin(rng):
    """For k = 1 it is cross-entropy with the rivals raised by alpha, at the temperature tau."""
    logits = rng.standard_normal((10, 30))
    labels = rng.integers(30, size=10)
    value = topkloss.SmoothTopKSVMLoss(1, 0.5, 1.5)(logits, labels)
    softmax = topkloss.MarginSoftmaxLoss(margin=np.full(30, 1.5), scale=2.0)(logits, labels)
    assert value == pytest.approx(0.5 * softmax, rel=1e-12)

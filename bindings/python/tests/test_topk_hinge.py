"""The top-K hinge where scores are equal or masked; `test_every_loss` has the rest."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reference_topk
from support import DTYPES, assert_gradient, assert_value, bits

import topkloss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@dtypes
@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("margin", [1.0, 0.0, -1.0])
def test_ties(dtype, k, margin, rng):
    """Of classes with equal scores the one with the lowest index holds the rank; 0 is inactive."""
    logits = rng.integers(-3, 4, (60, 21)).astype(dtype)
    labels = rng.integers(21, size=60)
    rows = [
        reference_topk.hinge_row(z, int(y), k=k, margin=margin)
        for z, y in zip(logits, labels, strict=True)
    ]
    expected = reference.reduced(rows, labels, reduction="none")
    values, gradient = topkloss.TopKHingeLoss(k, margin, reduction="none").value_and_grad(
        logits, labels
    )
    np.testing.assert_array_equal(values.astype(float), expected[0])
    np.testing.assert_array_equal(gradient.astype(float), expected[1])


@dtypes
def test_masked_classes_rank_last(dtype, rng):
    logits = rng.standard_normal((40, 9)).astype(dtype)
    logits[rng.random((40, 9)) < 0.4] = -np.inf
    labels = rng.integers(9, size=40)
    logits[np.arange(40), labels] = rng.standard_normal(40)
    rows = [reference_topk.hinge_row(z, int(y), k=4) for z, y in zip(logits, labels, strict=True)]
    assert sum(np.count_nonzero(~np.isneginf(logits), axis=1) < 5) > 3
    expected = reference.reduced(rows, labels, reduction="none")
    values, gradient = topkloss.TopKHingeLoss(4, reduction="none").value_and_grad(logits, labels)
    assert_value(values, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@dtypes
@pytest.mark.parametrize("estimator", ["monte_carlo", "exact"])
def test_is_noised_topk_without_noise(dtype, estimator, rng):
    logits = rng.standard_normal((30, 40)).astype(dtype)
    logits[:, 7] = logits[:, 3]
    labels = rng.integers(40, size=30)
    hinge = topkloss.TopKHingeLoss(5, 0.7).value_and_grad(logits, labels)
    noised = topkloss.NoisedTopKLoss(5, 0.0, margin=0.7, estimator=estimator)
    value, gradient = noised.value_and_grad(logits, labels)
    assert value == hinge[0]
    assert bits(gradient) == bits(hinge[1])


def test_by_hand():
    logits = np.array([[3.0, 2.0, 1.0, 0.0]])
    loss = topkloss.TopKHingeLoss(2)
    assert loss(logits, [0]) == 0  # 1 + 1 - 3 < 0
    assert loss(logits, [1]) == 0  # exactly 0
    value, gradient = loss.value_and_grad(logits, [3])
    assert value == 2
    np.testing.assert_array_equal(gradient, [[0, 0, 1, -1]])
    value, gradient = loss.value_and_grad(logits, [2])  # the label itself holds rank 3
    assert value == 1
    np.testing.assert_array_equal(gradient, [[0, 0, 0, 0]])

"""How the general members of the softmax-margin family contain the others."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from support import DTYPES, bits, long_tail

import topkloss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def batch(rng, dtype):
    logits = rng.uniform(-1, 1, (9, 50)).astype(dtype)
    return long_tail(50, rng), logits, rng.integers(50, size=9)


@dtypes
def test_margin_softmax_without_vectors_is_cross_entropy(dtype, rng):
    _, logits, labels = batch(rng, dtype)
    for loss in (topkloss.MarginSoftmaxLoss(), topkloss.MarginSoftmaxLoss(lam=0.7)):
        value, gradient = loss.value_and_grad(logits, labels)
        expected = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)
        assert value == pytest.approx(expected[0], rel=1e-6)
        np.testing.assert_allclose(
            gradient.astype(float), expected[1].astype(float), rtol=1e-2, atol=1e-7
        )
    # Without vectors any number of classes will do.
    assert np.isfinite(topkloss.MarginSoftmaxLoss()(logits[:, :7], labels % 7))


def test_members_of_the_family(rng):
    counts, logits, labels = batch(rng, np.float64)
    margin = reference.margins(counts, 0.5)
    prior = np.log(reference.frequencies(counts))
    pairs = [
        (topkloss.MarginSoftmaxLoss(offset=prior), topkloss.LogitAdjustedLoss(counts)),
        (topkloss.MarginSoftmaxLoss(margin=margin, scale=30), topkloss.LDAMLoss(counts)),
        (topkloss.MarginSoftmaxLoss(margin=margin, scale=30, lam=1), topkloss.ELMLoss(counts)),
        (
            topkloss.MarginSoftmaxLoss(
                offset=-0.5 * prior, class_scale=(counts / counts.max()) ** 0.8
            ),
            topkloss.VectorScalingLoss(counts, 0.8, -0.5),
        ),
        (topkloss.VectorScalingLoss(counts, gamma=0), topkloss.LogitAdjustedLoss(counts)),
    ]
    for general, special in pairs:
        value, gradient = general.value_and_grad(logits, labels)
        expected = special.value_and_grad(logits, labels)
        assert value == pytest.approx(expected[0], rel=1e-13), general
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-11, atol=1e-16)


def test_the_rival_has_the_largest_logit_before_scaling():
    """The rival is the class with the largest logit, not the largest transformed one."""
    logits = np.array([[0.0, 2.0, 1.0]])
    margin = np.array([1.0, 10.0, 100.0])
    scale = np.array([1.0, 0.01, 100.0])
    loss = topkloss.MarginSoftmaxLoss(margin=margin, class_scale=scale, lam=0.5)
    u = scale * logits[0] - [1.0 - 0.5 * 10.0, 0, 0]
    assert loss(logits, [0]) == pytest.approx(np.log(np.exp(u).sum()) - u[0], rel=1e-12)


def test_count_smoothing_of_vector_scaling(rng):
    counts = rng.integers(0, 5, 50).astype(float)
    counts[3] = 0
    _, logits, labels = batch(rng, np.float64)
    smoothed = topkloss.VectorScalingLoss(counts, count_smoothing=0.5)(logits, labels)
    expected = topkloss.VectorScalingLoss(counts + 0.5)(logits, labels)
    assert smoothed == pytest.approx(expected, rel=1e-14)


def test_vectors_are_attributes(rng):
    margin = rng.standard_normal(4)
    loss = topkloss.MarginSoftmaxLoss(margin=margin)
    assert bits(loss.margin) == bits(margin)
    assert loss.offset is None
    assert repr(loss) == "MarginSoftmaxLoss(margin=<4 classes>)"


def test_vectors_of_different_lengths():
    with pytest.raises(topkloss.TopKLossError, match="offset has 3 classes, margin has 2 classes"):
        topkloss.MarginSoftmaxLoss(offset=[1, 2, 3], margin=[1, 2])

"""The noised top-K loss with the exact estimator; `test_exact_estimator` has the statistic."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reference_topk
from support import DTYPES, FLOAT32, FLOAT64, long_tail

import topkloss
from topkloss import noised_topk

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_imbalanced_loss_with_all_options(dtype, reduction, rng):
    rows, classes, k = 11, 20, 3
    counts = long_tail(classes, rng)
    logits = rng.uniform(-1, 1, (rows, classes)).astype(dtype)
    labels = rng.integers(classes, size=rows)
    labels[::5] = -1
    sample_weight = rng.uniform(0, 2, rows)
    margin = reference.margins(counts + 0.5, 0.4)
    expected = [
        reference_topk.exact_row(z, max(y, 0), k=k, epsilon=0.2, margin=margin[y], scale=40.0)
        for z, y in zip(logits, labels, strict=True)
    ]
    value, gradient = reference.reduced(
        expected, labels, sample_weight=sample_weight, reduction=reduction, ignore_index=-1
    )
    loss = topkloss.NoisedTopKLoss(
        k,
        0.2,
        estimator="exact",
        class_counts=counts,
        max_margin=0.4,
        scale=40,
        count_smoothing=0.5,
        reduction=reduction,
        ignore_index=-1,
    )
    found, slope = loss.value_and_grad(logits, labels, sample_weight=sample_weight)
    tolerance = {FLOAT64: 1e-9, FLOAT32: 1e-5}.get(dtype, 1e-2)
    np.testing.assert_allclose(
        np.asarray(found, np.float64), value, rtol=tolerance, atol=40 * tolerance
    )
    # Each row's gradient is scale times its weight times probabilities.
    np.testing.assert_allclose(
        slope.astype(np.float64), gradient, rtol=tolerance, atol=80 * tolerance
    )
    assert loss(logits, labels, sample_weight=sample_weight) == pytest.approx(found)


def test_needs_no_samples_seed_or_step(rng):
    logits = rng.standard_normal((6, 20)).astype(np.float32)
    labels = rng.integers(20, size=6)
    loss = topkloss.NoisedTopKLoss(3, estimator="exact")
    other = topkloss.NoisedTopKLoss(3, estimator="exact", n_samples=1, seed=99)
    values = {loss(logits, labels), loss(logits, labels), loss(logits, labels, step=7)}
    assert values == {other(logits, labels)}


def test_noise_is_refused(rng):
    logits = rng.standard_normal((2, 20)).astype(np.float32)
    loss = topkloss.NoisedTopKLoss(3, estimator="exact")
    out = np.full_like(logits, 7)
    with pytest.raises(topkloss.TopKLossError, match="noise") as caught:
        loss.value_and_grad(logits, [0, 1], noise=np.zeros((2, 5, 20), np.float32), out=out)
    assert caught.value.status == "TOPKLOSS_ERROR_OPTION"
    assert (out == 7).all()
    with pytest.raises(topkloss.TopKLossError, match="noise"):
        noised_topk(logits, 3, noise=np.zeros((2, 5, 20), np.float32))

"""Numbers at the edges of their types: other NaNs than the usual, logits and counts of any size."""

from __future__ import annotations

import numpy as np
import pytest

import topkloss

LOSSES = {
    "cross-entropy": topkloss.CrossEntropyLoss(reduction="none"),
    "smoothed": topkloss.CrossEntropyLoss(label_smoothing=0.1, reduction="none"),
    "logit-adjusted": topkloss.LogitAdjustedLoss(np.arange(1, 21), reduction="none"),
    "noised top-3": topkloss.NoisedTopKLoss(3, reduction="none"),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("place", [0, 7, 19])
@pytest.mark.parametrize(
    ("bits", "dtype"),
    [
        (0x7FC00001, np.uint32),
        (0x7F800001, np.uint32),
        (0xFFFFFFFF, np.uint32),
        (0x7FF00000000007A2, np.uint64),
        (0xFFF8000000000001, np.uint64),
    ],
)
def test_every_nan_makes_its_row_nan(name: str, place: int, bits: int, dtype: type) -> None:
    float_type = np.float32 if dtype is np.uint32 else np.float64
    logits = np.random.default_rng(0).normal(size=(3, 20)).astype(float_type)
    logits[1, place] = np.array([bits], dtype).view(float_type)[0]
    value, gradient = LOSSES[name].value_and_grad(logits, np.array([2, 7, 5]))
    assert np.isnan(value[1])
    assert np.isnan(gradient[1]).all()
    assert np.isfinite(value[[0, 2]]).all()
    assert np.isfinite(gradient[[0, 2]]).all()


@pytest.mark.parametrize("logit", [0.0, 1e4, 1e12, 1e20, 1e37, -1e37])
def test_equal_logits_leave_the_priors(logit: float) -> None:
    counts = np.array([1.0, 10.0, 100.0, 1000.0])
    prior = counts / counts.sum()
    loss = topkloss.LogitAdjustedLoss(counts)
    value, gradient = loss.value_and_grad(np.full((1, 4), logit, np.float32), [0])
    assert value == pytest.approx(-np.log(prior[0]), rel=3e-6)
    assert gradient[0] == pytest.approx(prior - [1, 0, 0, 0], abs=3e-6)


def test_counts_may_be_far_apart() -> None:
    logits = np.array([[1.0, 2.0]])
    loss = topkloss.LogitAdjustedLoss([5e-324, 1e300], tau=0.0)
    assert loss(logits, [0]) == pytest.approx(np.log1p(np.e))
    adjusted = topkloss.posthoc.logit_adjust(logits, [5e-324, 1e300], tau=0.0)
    assert np.array_equal(adjusted, logits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_at_the_end_of_their_range(dtype: type) -> None:
    """p_j against float64 down to where it is no longer a normal number, and 0 below."""
    limits = np.finfo(dtype)
    depth = np.linspace(0, -np.log(float(limits.tiny)) + 30, 5000)
    logits = np.zeros((len(depth), 2), dtype)
    logits[:, 1] = -depth
    _, gradient = topkloss.CrossEntropyLoss(reduction="none").value_and_grad(
        logits, np.zeros(len(depth), int)
    )
    shifted = logits[:, 1].astype(np.longdouble)
    expected = np.exp(shifted) / (1 + np.exp(shifted))
    error = np.abs(gradient[:, 1] - expected)
    assert (error <= 4 * limits.eps * expected + limits.tiny).all()
    assert (gradient[-1] == 0).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda number: topkloss.ELMLoss([1, 2], scale=number),
        lambda number: topkloss.LDAMLoss([1, 2], max_margin=number),
        lambda number: topkloss.LogitAdjustedLoss([1, 2], tau=number),
        lambda number: topkloss.NoisedTopKLoss(1, epsilon=number),
    ],
)
def test_options_that_float32_could_not_hold_are_refused(make) -> None:
    with pytest.raises(topkloss.TopKLossError, match="1e15"):
        make(1e16)
    make(1e15)


def test_infinite_noise_of_both_signs_makes_its_row_nan() -> None:
    noise = np.zeros((1, 2, 4), np.float32)
    noise[0, 0] = np.inf
    noise[0, 1] = -np.inf
    loss = topkloss.NoisedTopKLoss(1, n_samples=2)
    value, gradient = loss.value_and_grad(np.zeros((1, 4), np.float32), [0], noise=noise)
    assert np.isnan(value)
    assert np.isnan(gradient).all()

"""Post-hoc logit adjustment."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from pairwise import pairwise
from support import DTYPES, FLOAT32, FLOAT64, SHAPES, bits, long_tail, ulp

from topkloss import TopKLossError
from topkloss.posthoc import logit_adjust

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pairwise(dtype=DTYPES, shape=SHAPES, tau=(1.0, 0.4, -2.0))
def test_values(dtype, shape, tau, rng):
    counts = long_tail(shape[1], rng)
    scores = rng.standard_normal(shape).astype(dtype)
    before = scores.copy()
    offset = tau * np.log(reference.frequencies(counts))
    expected = scores.astype(np.float64) - offset

    adjusted = logit_adjust(scores, counts, tau)

    assert adjusted.dtype == dtype
    assert bits(scores) == bits(before)
    if dtype == FLOAT64:
        allowed = 1e-14 * (np.abs(offset) + np.abs(scores))
    else:
        # The offset and the sum are rounded to float32, then the sum to the storage type.
        allowed = 1.2e-7 * (np.abs(offset) + np.abs(expected))
        allowed = allowed if dtype == FLOAT32 else allowed + ulp(expected, dtype) / 2
    assert np.all(np.abs(adjusted.astype(np.float64) - expected) <= allowed)


@dtypes
def test_in_place_and_strided(dtype, rng):
    counts = long_tail(20, rng)
    scores = rng.standard_normal((5, 20)).astype(dtype)
    expected = logit_adjust(scores, counts)
    strided = np.zeros((5, 31), dtype)[:, 3:23]
    assert logit_adjust(scores, counts, out=strided) is strided
    assert bits(strided) == bits(expected)
    transposed = np.zeros((20, 5), dtype).T
    assert logit_adjust(scores[::-1], counts, out=transposed) is transposed
    assert bits(transposed) == bits(expected[::-1])
    assert logit_adjust(scores, counts, out=scores) is scores
    assert bits(scores) == bits(expected)


def test_count_smoothing(rng):
    counts = np.array([0, 3, 10])
    scores = rng.standard_normal((5, 3))
    smoothed = logit_adjust(scores, counts, count_smoothing=1)
    np.testing.assert_allclose(smoothed, logit_adjust(scores, counts + 1), rtol=1e-14)


@pairwise(dtype=DTYPES, tau=(1.0, 0.5), scaled=(1.0, 40.0))
def test_target_prior(dtype, tau, scaled, rng):
    """Scores less tau log pi, and log pi', whatever the sum that pi' is given with."""
    counts = long_tail(17, rng)
    prior = rng.random(17)
    prior /= prior.sum()
    prior[3] = 0
    prior /= prior.sum()
    scores = rng.standard_normal((9, 17)).astype(dtype)
    with np.errstate(divide="ignore"):
        expected = scores.astype(float) - tau * np.log(counts / counts.sum()) + np.log(prior)
    adjusted = logit_adjust(scores, counts, tau, target_prior=scaled * prior).astype(float)
    assert np.isneginf(adjusted[:, 3]).all()
    scale = np.abs(expected[:, prior > 0]).max()
    np.testing.assert_allclose(adjusted, expected, atol=2 * float(ulp(scale, dtype)))


def test_infinities_and_nan_stay(rng):
    scores = rng.standard_normal((2, 3))
    scores[0] = [np.nan, np.inf, -np.inf]
    adjusted = logit_adjust(scores, [1, 2, 3])
    np.testing.assert_array_equal(adjusted[0], scores[0])
    assert np.isfinite(adjusted[1]).all()


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((np.zeros((2, 3)), [1, 2]), {}, "class"),
        ((np.zeros((2, 3)), [1, 0, 2]), {}, "class"),
        ((np.zeros((2, 3)), [1, -1, 2]), {}, "class"),
        ((np.zeros((2, 3)), [[1, 2, 3]]), {}, "class_counts has shape"),
        ((np.zeros(()), [1, 2, 3]), {}, r"scores has shape \(\)"),
        ((np.zeros((2, 3)), [1, 2, 3]), {"tau": np.inf}, "tau"),
        ((np.zeros((2, 3)), [1, 2, 3]), {"target_prior": [1, 2]}, "target_prior has 2 classes"),
        ((np.zeros((2, 3)), [1, 2, 3]), {"target_prior": [1, 2, -1]}, r"target_prior\[2\] is -1"),
        (
            (np.zeros((2, 3)), [1, 2, 3]),
            {"target_prior": [0, 0, 0]},
            "the sum of target_prior is 0",
        ),
        (
            (np.zeros((2, 3)), [1, 2, 3]),
            {"target_prior": [1e308] * 3},
            "the sum of target_prior is inf",
        ),
        ((np.zeros((2, 3)), [1, 2, 3]), {"tau": "much"}, "tau"),
        ((np.zeros((2, 3)), [1, 2, 3]), {"count_smoothing": -1}, "count_smoothing"),
        ((np.zeros((2, 3)), [1, 2, 3]), {"out": np.zeros((3, 2))}, "out has shape"),
    ],
)
def test_bad_arguments(arguments, options, words):
    with pytest.raises(TopKLossError, match=words):
        logit_adjust(*arguments, **options)

"""The exact estimator above crowds of like scores, whose order statistic hardly varies."""

from __future__ import annotations

import numpy as np
from pairwise import pairwise
from scipy.special import ndtr
from scipy.stats import binom
from support import FLOAT32
from test_exact_estimator import ARITHMETICS, assert_statistic, unit

from topkloss import noised_topk, noised_topk_vjp


def crowd_statistic(classes, rank, epsilon):
    """T of equal scores, 0: quadrature of the binomial distribution of how many are above t."""
    step = 0.002
    t = np.arange(-12, 12, step)
    below = binom.cdf(rank - 1, classes, ndtr(-t))
    return epsilon * (t[-1] - step * (below.sum() - (below[0] + below[-1]) / 2))


@pairwise(
    dtype=ARITHMETICS,
    classes=(1000, 5208, 6102, 30_000, 147_246, 183_046, 600_000),
    rank=(1, 2, 6, 7, 12, 15, 16),
)
def test_crowds_of_equal_scores(dtype, classes, rank):
    """The order statistic of a crowd varies by less than a tenth of epsilon."""
    scores = np.zeros((1, classes), dtype)
    for decoy in (None, 0.1, 0.35):
        if decoy is not None:
            scores[0, -1] = decoy
        statistic, shares = noised_topk(scores, rank), noised_topk_vjp(scores, rank)
        if decoy is None:
            expected = crowd_statistic(classes, rank, 1.0)
            assert_statistic(statistic, [expected], 1.0, dtype)
        assert abs(shares.astype(float).sum() - 1) <= unit(FLOAT32)
        others = shares[0, :-1]
        np.testing.assert_allclose(others, others[0], rtol=1e-5)


@pairwise(classes=(5000, 100_000), spread=(0.003, 0.02, 0.1, 0.2), rank=(1, 7, 16))
def test_crowds_of_like_scores(classes, spread, rank, rng):
    scores = (rng.standard_normal((2, classes)) * spread).astype(np.float32)
    exact = scores.astype(np.float64)
    assert_statistic(noised_topk(scores, rank), noised_topk(exact, rank), 1.0, FLOAT32)
    shares = noised_topk_vjp(scores, rank)
    np.testing.assert_allclose(shares, noised_topk_vjp(exact, rank), atol=unit(FLOAT32))
    np.testing.assert_allclose(shares.astype(float).sum(axis=1), 1, atol=unit(FLOAT32))

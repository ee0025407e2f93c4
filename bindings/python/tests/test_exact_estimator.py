"""The exact estimator against quadrature with far more nodes, and what is true of any such T.

Bars, where u is 1e-5 in float32 and 1e-10 in float64: T within u max(epsilon, 1e-3, 0.01 |T|), each
entry of its gradient within u.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference_topk
from hypothesis import given
from hypothesis import strategies as st
from pairwise import pairwise
from scipy.optimize import brentq
from scipy.special import ndtr
from support import BFLOAT16, DTYPES, FLOAT16, FLOAT32, FLOAT64, bits, default_threads, ulp

import topkloss
from topkloss import noised_topk, noised_topk_vjp

__all__ = ["default_threads"]

ARITHMETICS, STORED = (FLOAT32, FLOAT64), (FLOAT32, FLOAT16, BFLOAT16)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def unit(dtype):
    return 1e-10 if dtype == FLOAT64 else 1e-5


def sum_bar(dtype):
    """How far from 1 the sum of a gradient's entries may be."""
    return 1e-9 if dtype == FLOAT64 else 1e-5


def assert_statistic(actual, expected, epsilon, dtype):
    expected = np.asarray(expected)
    allowed = unit(dtype) * np.maximum(max(epsilon, 1e-3), 0.01 * np.abs(expected))
    if dtype not in (FLOAT32, FLOAT64):
        allowed = allowed + ulp(expected, dtype)
    excess = np.abs(actual.astype(np.float64) - expected) - allowed
    assert excess.max() <= 0, f"T is off by {excess.max():g} more than allowed"


def assert_probabilities(actual, expected, dtype, only=slice(None)):
    found = actual.astype(np.float64)
    assert (found >= 0).all()
    if dtype in (FLOAT32, FLOAT64):
        sums = found.sum(axis=1)
        np.testing.assert_allclose(sums, 1, rtol=0, atol=sum_bar(dtype))
    allowed = unit(dtype)
    if dtype not in (FLOAT32, FLOAT64):
        allowed = allowed + ulp(expected, dtype)
    excess = np.abs(found[:, only] - expected) - allowed
    assert excess.max() <= 0, f"gradient is off by {excess.max():g} more than allowed"


def compare(logits, rank, epsilon, step=0.02, only=None):
    """T and its gradient against the reference; of float32 scores in float64 as well."""
    expected = [reference_topk.order_statistic(z, rank, epsilon, step) for z in logits]
    shares = np.array(
        [reference_topk.rank_probabilities(z, rank, epsilon, max(step, 0.05), only) for z in logits]
    )
    for dtype in (FLOAT32, FLOAT64) if logits.dtype == FLOAT32 else (logits.dtype,):
        scores = logits.astype(dtype)
        assert_statistic(noised_topk(scores, rank, epsilon), expected, epsilon, dtype)
        actual = noised_topk_vjp(scores, rank, epsilon)
        assert_probabilities(actual, shares, dtype, slice(None) if only is None else only)


def test_the_references_agree(rng):
    """The quadrature against the maximum of two, against Monte Carlo, and its two ways."""
    z = np.array([0.3, -0.5])
    width = 0.7 * np.sqrt(2)
    delta = 0.8 / width
    larger = z[0] * ndtr(delta) + z[1] * ndtr(-delta)
    larger += width * np.exp(-(delta**2) / 2) / np.sqrt(2 * np.pi)
    assert reference_topk.order_statistic(z, 1, 0.7) == pytest.approx(larger, abs=1e-14)
    assert reference_topk.order_statistic(z, 2, 0.7) == pytest.approx(z.sum() - larger, abs=1e-14)

    z = rng.standard_normal(50)
    whole = reference_topk.rank_probabilities(z, 4, 0.6)
    some = reference_topk.rank_probabilities(z, 4, 0.6, only=np.array([3, 20, 49]))
    np.testing.assert_allclose(whole[[3, 20, 49]], some, rtol=1e-12)
    assert whole.sum() == pytest.approx(1, abs=1e-13)

    values, counts = np.array([0.0, 0.4, 1.5]), np.array([7, 5, 2])
    t = np.arange(-8, 9, 0.01)
    statistic, shares = reference_topk.grouped_order_statistic(values, counts, 4, 0.6, t, 64)
    z = np.repeat(values, counts)
    assert statistic == pytest.approx(reference_topk.order_statistic(z, 4, 0.6), abs=1e-12)
    expected = reference_topk.rank_probabilities(z, 4, 0.6)[[0, 7, 12]]
    np.testing.assert_allclose(shares, expected, atol=1e-13)


@pairwise(dtype=STORED, classes=(2, 3, 5, 8, 17), epsilon=(1.0, 0.2))
def test_every_rank_of_few_classes(dtype, classes, epsilon, rng):
    logits = rng.standard_normal((3, classes)).astype(dtype)
    for rank in range(1, classes + 1):
        compare(logits, rank, epsilon)


@pairwise(epsilon=(1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e4), spread=(1.0, 30.0))
def test_noise_of_any_size(epsilon, spread, rng):
    logits = (spread * rng.standard_normal((4, 12))).astype(np.float32)
    logits[0, :4] = logits[0, 4]  # classes that tie, however small the noise
    logits[1] = np.sort(logits[1])
    for rank in (1, 4, 12):
        compare(logits, rank, epsilon * spread)


@pairwise(dtype=STORED, rank=(2, 6, 11), epsilon=(1.0, 0.05))
def test_a_hundred_classes(dtype, rank, epsilon, rng):
    compare((2 * rng.standard_normal((2, 100))).astype(dtype), rank, epsilon)


@pytest.mark.parametrize("rank", [2, 6])
def test_a_thousand_classes(rank, rng):
    compare(rng.standard_normal((1, 1000)).astype(np.float32), rank, 0.5, step=0.05)


@pytest.mark.parametrize("rank", [51, 501, 990])
def test_a_thousand_classes_and_high_ranks(rank, rng):
    logits = rng.standard_normal((1, 1000)).astype(np.float32)
    # The one that holds the rank without noise, and another.
    only = np.sort([np.argsort(-logits[0])[rank - 1], 123])
    compare(logits, rank, 0.3, step=0.05, only=only)


@pairwise(dtype=ARITHMETICS, classes=(2, 10, 1000), score=(0.0, 3.7, -250.0))
def test_all_scores_equal(dtype, classes, score):
    """The hardest case: every class is in play, and each has the same probability."""
    logits = np.full((1, classes), score, dtype)
    for rank in {1, 2, min(classes, 6)}:
        expected = reference_topk.order_statistic(logits[0], rank, 1.0)
        assert_statistic(noised_topk(logits, rank, 1.0), [expected], 1.0, dtype)
        actual = noised_topk_vjp(logits, rank, 1.0)
        assert_probabilities(actual, np.full((1, classes), 1 / classes), dtype)


@pytest.mark.parametrize(("rank", "window", "nodes"), [(6, 1 << 9, 200), (50_001, 1 << 13, 70)])
def test_a_hundred_thousand_classes(rank, window, nodes, rng):
    """Scores of 60 values, which lets the reference be quick; single ones among the largest."""
    values = np.concatenate([rng.uniform(-2, 2, 40), rng.uniform(2, 3, 20)]).astype(np.float32)
    counts = np.concatenate([rng.multinomial(99_980, np.full(40, 1 / 40)), np.ones(20, int)])
    order = rng.permutation(100_000)
    owner = np.repeat(np.arange(60), counts)[order]
    logits = values[owner][None]
    exact, epsilon = values.astype(np.float64), 0.4

    def above(t):
        return float(counts @ ndtr((exact - t) / epsilon))

    # Where far more, or fewer, exceedances are expected than the rank.
    reach = 8 * np.sqrt(min(rank, 25_000)) + 100
    first = brentq(lambda t: above(t) - rank - reach, -20, 20)
    last = brentq(lambda t: above(t) - max(rank - reach, 1e-17), -20, 20)
    t = np.linspace(first, last, nodes)
    expected, shares = reference_topk.grouped_order_statistic(
        exact, counts, rank, epsilon, t, window
    )
    assert shares @ counts == pytest.approx(1, abs=1e-12)
    for dtype in (FLOAT32, FLOAT64):
        scores = logits.astype(dtype)
        assert_statistic(noised_topk(scores, rank, epsilon), [expected], epsilon, dtype)
        actual = noised_topk_vjp(scores, rank, epsilon)
        assert_probabilities(actual, shares[owner][None], dtype)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_far_from_zero(offset, rng):
    """Scores whose differences are exact, so that the statistic may not lose any more than T."""
    logits = (offset + rng.integers(-8, 9, (3, 20)) / 8).astype(np.float32)
    compare(logits, 4, 0.5)


@dtypes
def test_masked_classes_are_not_there(dtype, rng):
    logits = rng.standard_normal((4, 40)).astype(dtype)
    kept = np.sort(rng.permutation(40)[:10])
    masked = np.full_like(logits, -np.inf)
    masked[:, kept] = logits[:, kept]
    few = np.ascontiguousarray(logits[:, kept])
    for rank in (1, 5, 10):
        statistic, gradient = noised_topk(masked, rank), noised_topk_vjp(masked, rank)
        expected = noised_topk(few, rank).astype(float)
        assert_statistic(statistic, expected, 1.0, dtype)
        allowed = 2e-5 if dtype in (FLOAT32, FLOAT64) else 1e-2
        np.testing.assert_allclose(
            gradient[:, kept].astype(float), noised_topk_vjp(few, rank).astype(float), atol=allowed
        )
        assert not np.delete(gradient.astype(float), kept, axis=1).any()
    # The rank that no class is left for is held by the first that is not there.
    for estimator in ("exact", "monte_carlo"):
        assert np.isneginf(noised_topk(masked, 11, estimator=estimator).astype(float)).all()
        gradient = noised_topk_vjp(masked, 11, estimator=estimator).astype(float)
        assert (gradient == (np.arange(40) == np.argmin(masked, axis=1)[:, None])).all()


def test_central_differences(rng):
    logits = rng.standard_normal((3, 9))
    for rank in (1, 3, 9):
        gradient = noised_topk_vjp(logits, rank, 0.6)
        for index in np.ndindex(3, 9):
            higher, lower = logits.copy(), logits.copy()
            higher[index] += 1e-4
            lower[index] -= 1e-4
            rise = noised_topk(higher, rank, 0.6) - noised_topk(lower, rank, 0.6)
            assert gradient[index] == pytest.approx(rise[index[0]] / 2e-4, abs=1e-7)


scores = st.lists(
    st.one_of(st.floats(-5, 5, width=32), st.sampled_from([0.0, 1.0, -30.0, 1e-3])),
    min_size=2,
    max_size=24,
)
noise_sizes = st.sampled_from([1e-3, 0.1, 1.0, 7.0])


@given(z=scores, part=st.floats(0, 1), epsilon=noise_sizes, data=st.data())
def test_properties(z, part, epsilon, data):
    """Probabilities; T rises with each score, and along with all of them."""
    dtype = data.draw(st.sampled_from([FLOAT32, FLOAT64]))
    logits = np.array([z], dtype)
    rank = 1 + round(part * (len(z) - 1))
    gradient = noised_topk_vjp(logits, rank, epsilon).astype(np.float64)
    tolerance = unit(dtype) * max(epsilon, 1e-3, 0.3)
    assert (gradient >= 0).all()
    assert gradient.sum() == pytest.approx(1, rel=0, abs=sum_bar(dtype))

    statistic = float(noised_topk(logits, rank, epsilon)[0])
    raised = logits.copy()
    j = data.draw(st.integers(0, len(z) - 1))
    raised[0, j] += 0.5
    rise = float(noised_topk(raised, rank, epsilon)[0]) - statistic
    assert -2 * tolerance <= rise <= 0.5 + 2 * tolerance

    shift = 0.25 * round(4 * data.draw(st.floats(-8, 8)))
    shifted = float(noised_topk((logits + dtype.type(shift)).astype(dtype), rank, epsilon)[0])
    # In float32 the sum itself is rounded.
    assert shifted - shift == pytest.approx(
        statistic, abs=3 * tolerance + 4e-6 * (dtype == FLOAT32)
    )


@pairwise(dtype=ARITHMETICS, rank=(1, 5, 30))
def test_no_noise_in_the_limit(dtype, rank, rng):
    logits = rng.permutation(30).astype(dtype)[None] / 4
    ranked = np.sort(logits[0])[::-1]
    holder = (logits == ranked[rank - 1]).astype(float)
    for epsilon in (1e-3, 1e-6, 1e-12, 0.0):
        statistic = noised_topk(logits, rank, epsilon)
        assert_statistic(statistic, [float(ranked[rank - 1])], epsilon, dtype)
        gradient = noised_topk_vjp(logits, rank, epsilon)
        np.testing.assert_allclose(gradient, holder, atol=unit(dtype))
    assert noised_topk(logits, rank, 0.0)[0] == ranked[rank - 1]


@pytest.mark.parametrize("rank", [1, 3, 20])
def test_agrees_with_monte_carlo(rank, rng):
    """Within five standard errors of 40,000 samples."""
    logits = rng.standard_normal((4, 20))
    draws = {"estimator": "monte_carlo", "n_samples": 40_000, "seed": 5}
    statistic, gradient = noised_topk(logits, rank), noised_topk_vjp(logits, rank)
    sampled = noised_topk(logits, rank, **draws)
    shares = noised_topk_vjp(logits, rank, **draws)
    assert np.abs(sampled - statistic).max() <= 5 / np.sqrt(40_000)
    error = np.sqrt(np.maximum(gradient * (1 - gradient), 1e-4) / 40_000)
    assert (np.abs(shares - gradient) <= 5 * error).all()


@dtypes
def test_same_bits_in_every_run_and_with_any_number_of_threads(dtype, rng):
    logits = rng.standard_normal((300, 101)).astype(dtype)
    answers = set()
    for threads in (1, 2, 5, 2):
        topkloss.set_num_threads(threads)
        answers.add(bits(noised_topk(logits, 6)) + bits(noised_topk_vjp(logits, 6)))
    assert len(answers) == 1
    topkloss.set_num_threads(1)
    for i in (0, 150, 299):  # nor do rows know of each other
        assert bits(noised_topk(logits[i : i + 1], 6)) == bits(noised_topk(logits, 6)[i : i + 1])

"""The top-K cross-entropy: against draws, closed forms, a fine quadrature, and at extremes."""

from __future__ import annotations

import numpy as np
import pytest
from pairwise import pairwise
from reference_topk import topk_cross_entropy_in_logarithms, topk_cross_entropy_row
from scipy.special import log_ndtr
from support import FLOAT32, FLOAT64

import topkloss

BARS = {FLOAT32: 1e-5, FLOAT64: 1e-9}
arithmetics = pytest.mark.parametrize("dtype", BARS, ids=str)


def last(k):
    """P that is all at K: the loss is -log q_K."""
    return np.eye(1, k, k - 1)[0]


def evaluate(z, y, k, epsilon=1.0, weights=None):
    loss = topkloss.TopKCrossEntropyLoss(k, epsilon, weights=weights)
    value, gradient = loss.value_and_grad(z[None], np.array([y]))
    assert loss(z[None], np.array([y])) == value
    return value, gradient[0]


def assert_close(found, expected, bar):
    for one, other in zip(found, expected, strict=True):
        assert np.max(np.abs(one - other)) <= bar * max(1, np.max(np.abs(other)))


@pairwise(dtype=tuple(BARS), k=(2, 3, 5, 20), epsilon=(0.01, 0.2, 1.0, 10.0), rank=(1, 5, 26, 40))
def test_against_a_fine_quadrature(dtype, k, epsilon, rank, rng):
    """Rows on the scale of the noise and on one of their own, the label from first to last."""
    for spread in (0.3 * epsilon, 3 * epsilon, 2.0):
        z = (spread * rng.standard_normal(40)).astype(dtype)
        y = int(np.argsort(-z)[rank - 1])
        for weights in (None, rng.dirichlet(np.ones(k))):
            options = {"k": k, "epsilon": epsilon, "weights": weights}
            expected = topk_cross_entropy_row(z.astype(FLOAT64), y, **options)
            assert_close(evaluate(z, y, **options), expected, BARS[dtype])


def test_against_draws(rng):
    z = np.array([1.2, 0.3, -0.4, 0.9, 0.0, -1.5])
    noised = z + 0.8 * rng.standard_normal((400_000, 6))
    places = np.argsort(np.argsort(-noised, axis=1), axis=1)
    for y in range(6):
        for k in range(2, 6):
            share = np.mean(places[:, y] < k)
            value, _ = evaluate(z, y, k, 0.8, last(k))
            assert abs(np.exp(-value) - share) <= 5 * np.sqrt(share * (1 - share) / 400_000) + 1e-6


@pairwise(dtype=tuple(BARS), classes=(2, 41, 1000, 100_000), k=(1, 5, 20))
def test_of_equal_logits(dtype, classes, k):
    """Every class is as likely as the others to be among the K."""
    k = min(k, classes - 1)
    value, gradient = evaluate(np.full(classes, 0.3, dtype), 1, k, 0.7)
    assert value == pytest.approx(-np.log((1 + k) / (2 * classes)), abs=BARS[dtype])
    rivals = np.delete(gradient, 1)
    assert np.ptp(rivals) <= BARS[dtype] / 100
    assert gradient[1] == pytest.approx(-rivals.astype(FLOAT64).sum(), rel=BARS[dtype])


@arithmetics
def test_of_few_strong_among_many(dtype, rng):
    """Beside classes that are out of reach nothing is changed by them."""
    z = (1.5 * rng.standard_normal(30)).astype(dtype)
    long = np.full(100_000, -40, dtype)
    long[70_000:70_030] = z
    for y in np.argsort(-z)[[0, 4, 9, 25]]:
        expected, slope = evaluate(z, int(y), 5, 1.0, last(5))
        value, gradient = evaluate(long, 70_000 + int(y), 5, 1.0, last(5))
        bar = BARS[dtype]
        assert_close((value, gradient[70_000:70_030]), (expected, slope), bar)


@arithmetics
def test_one_class_is_cross_entropy(dtype, rng):
    logits = (5 * rng.standard_normal((20, 9))).astype(dtype)
    labels = rng.integers(9, size=20)
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)
    for options in ({"k": 1}, {"k": 4, "weights": [1, 0, 0, 0]}):
        found, slope = topkloss.TopKCrossEntropyLoss(**options).value_and_grad(logits, labels)
        assert found == pytest.approx(value, rel=BARS[dtype] / 10)
        assert np.max(np.abs(slope - gradient)) <= BARS[dtype] / 10


# ---- labels far below


@pairwise(
    dtype=tuple(BARS),
    depth=(5.0, 9.0, 14.0, 25.0, 60.0, 400.0, 2e4),
    k=(2, 3, 5),
    spread=(0.0, 1.0, 6.0),
    epsilon=(0.5, 10.0),
)
def test_of_labels_far_below(dtype, depth, k, spread, epsilon, rng):
    """Finite, pulled up, and in float32 as in float64; without P_1 there is nothing else."""
    z = (epsilon * spread * rng.standard_normal(8)).astype(dtype)
    z[3] = np.delete(z, 3).min() - depth * epsilon
    options = {"k": k, "epsilon": epsilon, "weights": last(k)}
    expected = topk_cross_entropy_in_logarithms(z, 3, **options)
    found = evaluate(z, 3, **options)
    assert found[1][3] < 0
    # The logarithms themselves have roundings: of numbers as large as the value.
    bar = 1e-5 if dtype == FLOAT32 else max(2e-9, 1e-15 * expected[0])
    assert_close(found, expected, bar)


def test_of_scores_in_steps_far_above_the_label():
    """Rivals as far from one another as from the label, the k-th at no round number."""
    for size, steps, k in (
        (750.0, [2, 0, 3, 1, 2], 3),
        (868.0, [2, 2, 3, 0, 1, 1, 0], 3),
        (1017.0, [2, 3, 0, 2, 1, 1, 3], 4),
        (1758.0, [3, 1, 3, 3, 2, 1, 0], 6),
    ):
        z = np.append(size * np.array(steps) - size + 0.37, 0.37 - size)
        options = {"k": k, "weights": last(k)}
        expected = topk_cross_entropy_in_logarithms(z, len(steps), epsilon=1.0, **options)
        assert_close(evaluate(z, len(steps), **options), expected, 1e-9)


@arithmetics
def test_of_logits_of_any_size(dtype, rng):
    for size in (1e4, 1e8):
        z = (size * rng.uniform(-1, 1, 50)).astype(dtype)
        y = int(np.argmin(z))
        for epsilon in (0.01, 1.0, 10.0):
            for weights in (None, last(5), [0, 0.5, 0, 0.5, 0]):
                value, gradient = evaluate(z, y, 5, epsilon, weights)
                assert np.isfinite(value)
                assert np.isfinite(gradient).all()
                assert value > 100
                assert gradient[y] < 0
                assert (np.delete(gradient, y) >= 0).all()


@arithmetics
@pytest.mark.parametrize("distance", [4e5, 2.0**24])
def test_of_one_rival_to_overtake(dtype, distance):
    """The other is out of reach, so that q_2 is of one normal difference, of variance 2.

    Beyond 1e5 epsilon the logarithm is that of 1e5, times a square: without 12 in 2.5e9 of it.
    """
    z = np.array([0, distance, 3 * distance], dtype)
    value, gradient = evaluate(z, 0, 2, 0.5, last(2))
    assert value == pytest.approx(-log_ndtr(-2 * distance / np.sqrt(2)), rel=max(1e-8, BARS[dtype]))
    # Of d^2 / 4 + log d, d the distance in units of epsilon, but for 1 / d^3.
    slope = (distance + 0.5 / distance) / 0.5
    np.testing.assert_allclose(gradient, [-slope, slope, 0], rtol=BARS[dtype], atol=1e-9)


@arithmetics
def test_of_ranks_for_which_there_is_no_polynomial(dtype, rng):
    """More than half of few classes, and more than 20 of many."""
    few = rng.standard_normal(9).astype(dtype)
    for k in (5, 6, 7, 8):
        expected = topk_cross_entropy_row(few.astype(FLOAT64), 2, k=k, epsilon=0.7)
        assert_close(evaluate(few, 2, k, 0.7), expected, BARS[dtype])
    many = rng.standard_normal(70).astype(dtype)
    expected = topk_cross_entropy_row(many.astype(FLOAT64), 2, k=40, epsilon=0.7)
    assert_close(evaluate(many, 2, 40, 0.7), expected, BARS[dtype])


@arithmetics
def test_of_gaps_that_no_noise_crosses(dtype):
    """The label is among the k for sure or surely not, wherever the k-th of the others is."""
    z = np.array([400.0, 90, 60, 59, 3, 2, -30, -31, -900], dtype)
    for y in range(9):
        softmax = np.exp(z[y].astype(FLOAT64)) / np.exp(z.astype(FLOAT64)).sum()
        for k in range(2, 9):
            value, gradient = evaluate(z, y, k, 0.05)
            if y >= k:
                assert value > 50
                continue
            assert value == pytest.approx(-np.log((1 + softmax) / 2), abs=BARS[dtype])
            assert np.max(np.abs(gradient)) <= BARS[dtype]
            assert evaluate(z, y, k, 0.05, last(k))[0] == pytest.approx(0, abs=BARS[dtype])
            assert evaluate(z, y, k, 0.05, last(k))[0] >= 0


@arithmetics
def test_of_masked_classes(dtype):
    z = np.array([0.5, -np.inf, -0.2, -np.inf, 0.1, 1.0], dtype)
    there = np.flatnonzero(z > -np.inf)
    value, gradient = evaluate(z, 4, 2, 0.5)
    expected, slope = evaluate(z[there], 2, 2, 0.5)
    assert value == pytest.approx(expected, rel=1e-6)
    assert np.max(np.abs(gradient[there] - slope)) <= BARS[dtype]
    assert (gradient[[1, 3]] == 0).all()
    # Among fewer than k others the label is for sure.
    assert evaluate(z, 4, 5, 0.5, last(5))[0] == 0
    value, gradient = evaluate(z, 1, 2, 0.5)
    assert value == np.inf
    assert (gradient == 0).all()
    alone = np.full(4, -np.inf, dtype)
    alone[2] = 1
    value, gradient = evaluate(alone, 2, 2, 0.5)
    assert value == 0
    assert (gradient == 0).all()

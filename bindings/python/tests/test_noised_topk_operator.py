"""The noised top-K operator as a function: its arguments, and what it does with noise."""

from __future__ import annotations

import gc
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import LAYOUTS, with_strides
from pairwise import pairwise
from support import DTYPES, FLOAT32, FLOAT64, assert_gradient, assert_value, bits, refuses

import topkloss
from topkloss import TopKLossError, _handle, _noised_topk_operator, noised_topk, noised_topk_vjp

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
MONTE_CARLO = {"estimator": "monte_carlo"}


def by_sorting(x, rank, epsilon, noise):
    """Values and shares on given noise; the noised scores are formed in the noise's dtype."""
    scores = x[:, None].astype(noise.dtype) + noise.dtype.type(epsilon) * noise
    rows, samples, classes = noise.shape
    statistics = np.sort(scores, axis=2)[:, :, classes - rank]
    shares = np.zeros((rows, classes))
    for row in range(rows):
        for sample in range(samples):
            holder = np.argmax(scores[row, sample] == statistics[row, sample])
            shares[row, holder] += 1 / samples
    return statistics.astype(np.float64).mean(axis=1), shares


@pairwise(dtype=DTYPES, classes=(1, 2, 7, 16, 33, 1000), epsilon=(0.0, 0.3, 1.0))
def test_given_noise(dtype, classes, epsilon, rng):
    x = rng.standard_normal((4, classes)).astype(dtype)
    noise = rng.standard_normal((4, 6, classes))
    noise = noise.astype(np.float64 if dtype == FLOAT64 else np.float32)
    upstream = rng.standard_normal(4)
    for rank in {1, min(5, classes), classes}:
        values, shares = by_sorting(x, rank, epsilon, noise)
        options = {**MONTE_CARLO, "n_samples": 6, "noise": noise}
        assert_value(noised_topk(x, rank, epsilon, **options), values, dtype)
        gradient = noised_topk_vjp(x, rank, epsilon, upstream=upstream, **options)
        assert_gradient(gradient, upstream[:, None] * shares, dtype)
        plain = noised_topk_vjp(x, rank, epsilon, **options)
        assert_gradient(plain, shares, dtype)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_own_noise_is_the_standard_normal_of_seed_and_step(dtype, rng):
    x = rng.standard_normal((6, 50)).astype(dtype)
    noise = topkloss.standard_normal(77, 12, 0, 6, 4, 50)
    options = {**MONTE_CARLO, "n_samples": 4}
    own = {**options, "seed": 77, "step": 12}
    for function in (noised_topk, noised_topk_vjp):
        expected = function(x, 3, 0.8, noise=noise, **options)
        assert bits(function(x, 3, 0.8, **own)) == bits(expected)
    assert bits(noised_topk(x, 3, **own)) != bits(noised_topk(x, 3, **{**own, "step": 13}))


@dtypes
def test_is_the_statistic_inside_the_loss(dtype, rng):
    """The loss of K is hinged on rank K + 1."""
    x = rng.standard_normal((5, 30)).astype(np.float32).astype(dtype)
    labels = rng.integers(30, size=5)
    for options in ({"estimator": "exact"}, {**MONTE_CARLO, "seed": 3}):
        loss = topkloss.NoisedTopKLoss(4, 0.5, margin=20.0, reduction="none", **options)
        step = {"step": 2}
        values = loss(x, labels, **step).astype(np.float64)
        expected = 20 + noised_topk(x, 5, 0.5, **options, **step).astype(np.float64)
        expected -= x[np.arange(5), labels].astype(np.float64)
        coarse = {FLOAT32: 1e-5, FLOAT64: 1e-12}.get(dtype, 0.1)
        np.testing.assert_allclose(values, expected, atol=coarse)


def test_upstream_multiplies(rng):
    x = rng.standard_normal((5, 12))
    upstream = np.array([1.0, 0.0, -2.5, 1e6, 1e-6])
    plain = noised_topk_vjp(x, 3)
    scaled = noised_topk_vjp(x, 3, upstream=upstream)
    np.testing.assert_allclose(scaled, upstream[:, None] * plain, rtol=1e-13)
    assert bits(noised_topk_vjp(x, 3, upstream=upstream.astype(np.float32).tolist())) == bits(
        noised_topk_vjp(x, 3, upstream=upstream.astype(np.float32))
    )


@pairwise(dtype=DTYPES, layout=LAYOUTS)
def test_layouts_and_in_place_give_the_same_bits(dtype, layout, rng):
    x = rng.standard_normal((6, 21)).astype(dtype)
    values, gradient = noised_topk(x, 4), noised_topk_vjp(x, 4)
    strided, out = with_strides(x, layout), with_strides(np.zeros_like(x), layout)
    assert bits(noised_topk(strided, 4)) == bits(values)
    assert noised_topk_vjp(strided, 4, out=out) is out
    assert bits(out) == bits(gradient)
    assert bits(strided) == bits(x)
    assert noised_topk_vjp(strided, 4, out=strided) is strided
    assert bits(strided) == bits(gradient)


@pairwise(dtype=DTYPES, estimator=("exact", "monte_carlo"), poison=(np.nan, np.inf))
def test_bad_scores_poison_their_own_row_only(dtype, estimator, poison, rng):
    x = rng.standard_normal((5, 41)).astype(dtype)
    options = {"estimator": estimator}
    values, gradient = noised_topk(x, 3, **options), noised_topk_vjp(x, 3, **options)
    x[2, 17] = poison
    others = [0, 1, 3, 4]
    found = noised_topk(x, 3, **options)
    assert np.isnan(found[2].astype(float))
    assert bits(found[others]) == bits(values[others])
    found = noised_topk_vjp(x, 3, **options)
    assert np.isnan(found[2].astype(float)).all()
    assert bits(found[others]) == bits(gradient[others])


@given(
    z=st.lists(st.sampled_from([0.0, 1.0, 2.0, -1.0, -np.inf]), min_size=1, max_size=9),
    part=st.floats(0, 1),
    estimator=st.sampled_from(["exact", "monte_carlo"]),
)
def test_without_noise_it_sorts(z, part, estimator):
    x = np.array([z], np.float32)
    rank = 1 + round(part * (len(z) - 1))
    value = np.sort(x[0])[::-1][rank - 1]
    assert noised_topk(x, rank, 0.0, estimator=estimator)[0] == value
    gradient = noised_topk_vjp(x, rank, 0.0, estimator=estimator)[0]
    assert gradient.sum() == 1
    assert gradient[np.flatnonzero(x[0] == value)[0]] == 1


def test_no_rows():
    assert noised_topk(np.empty((0, 5)), 2).shape == (0,)
    assert noised_topk_vjp(np.empty((0, 5)), 2).shape == (0, 5)


def test_few_operators_are_kept(monkeypatch):
    """The last few are used again; those that fall out are destroyed."""
    freed = []
    destroy = _handle._destroy
    monkeypatch.setattr(_handle, "_destroy", lambda handle: (freed.append(handle), destroy(handle)))
    _noised_topk_operator._cached.cache_clear()
    gc.collect()
    freed.clear()
    x = np.zeros((1, 60))
    for _ in range(3):
        noised_topk(x, 2)
    assert _noised_topk_operator._cached.cache_info().currsize == 1
    for rank in range(1, 51):
        noised_topk(x, rank)
    kept = _noised_topk_operator._cached.cache_info()
    gc.collect()
    assert len(freed) == 50 - kept.currsize
    assert kept.currsize == kept.maxsize < 50


def test_operators_are_shared_by_threads():
    """More ranks than are kept, so that operators are destroyed while others call."""
    x = np.random.default_rng(0).standard_normal((3, 40))
    expected = [bits(noised_topk(x, rank)) for rank in range(1, 41)]

    def evaluate(i):
        return bits(noised_topk(x, 1 + i % 40)) == expected[i % 40]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(evaluate, range(2000)))


WRONG = (
    *[({"k": value}, "OPTION", "k") for value in (2.0, "2", None, 2**63, [2])],
    *[({"k": value}, "SIZE", "k") for value in (0, -1, 6)],
    *[({"epsilon": value}, "OPTION", "epsilon") for value in (-1, math.nan, math.inf, "a")],
    *[({"epsilon": value}, "OPTION", "epsilon") for value in (1e16, None)],
    ({"estimator": "magic"}, "ENUMERATOR", "estimator"),
    ({"estimator": None}, "ENUMERATOR", "estimator"),
    *[({"seed": value}, "OPTION", "seed") for value in (-1, 2**64, 0.5)],
    *[({"step": value}, "OPTION", "step") for value in (-1, 2**64, 0.5)],
    ({"n_samples": 1.0}, "OPTION", "n_samples"),
    *[({**MONTE_CARLO, "n_samples": value}, "SIZE", "n_samples") for value in (0, -5, 1_000_001)],
    ({**MONTE_CARLO, "noise": np.zeros((4, 4, 5))}, "SIZE", "noise has shape (4, 4, 5)"),
    ({"noise": np.zeros((4, 5, 5))}, "OPTION", "noise"),
    ({"check_finite": 1}, "OPTION", "check_finite"),
    ({"x": np.zeros(())}, "SIZE", "x has shape ()"),
    ({"x": np.zeros((4, 5), int)}, "ENUMERATOR", "x has dtype int64"),
    ({"x": np.full((4, 5), np.nan), "check_finite": True}, "NOT_FINITE", "x[0, 0]"),
)


@pytest.mark.parametrize("function", [noised_topk, noised_topk_vjp])
def test_bad_arguments(function):
    for options, status, word in WRONG:
        arguments = {"x": np.zeros((4, 5)), "k": 2, **options}
        any_of = "SIZE OPTION" if word in ("k", "n_samples") else status
        refuses(any_of, [word], function, **arguments)


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        ({"upstream": np.ones(3)}, "SIZE", "upstream has shape (3,)"),
        ({"upstream": 1.0}, "SIZE", "upstream has shape ()"),
        ({"upstream": ["a"] * 4}, "ENUMERATOR", "upstream has dtype"),
        ({"upstream": [1, 1, np.nan, 1]}, "NOT_FINITE", "upstream"),
        ({"upstream": [1, np.inf, 1, 1]}, "NOT_FINITE", "upstream"),
        ({"out": np.zeros((5, 4))}, "SIZE", "out has shape (5, 4)"),
        ({"out": np.zeros((4, 5), np.float32)}, "ENUMERATOR", "out has dtype float32"),
    ],
    ids=str,
)
def test_bad_arguments_of_the_vjp(options, status, word):
    x = np.arange(20.0).reshape(4, 5)
    before = bits(x)
    with pytest.raises(TopKLossError) as caught:
        noised_topk_vjp(x, 2, **{"out": x, **options})
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    assert word in str(caught.value)
    assert bits(x) == before


def test_an_error_is_one_whatever_was_cached():
    noised_topk(np.zeros((1, 5)), 2)
    with pytest.raises(TopKLossError, match=r"k is 2\.0"):
        noised_topk(np.zeros((1, 5)), 2.0)

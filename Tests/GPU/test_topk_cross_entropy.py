"""The top-K cross-entropy's kernel: against a plain quadrature, closed forms, and the CPU's."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import topkloss

from call import CONSTANTS
from device import ORDERS
from rows import DTYPES, Array, Rows, assert_close, stored, widened

BARS = {"float32": 1e-6, "float16": 6e-4, "bfloat16": 5e-3}


@functools.cache
def kernel() -> Rows:
    return Rows(
        "topk_cross_entropy",
        lambda _: None,
        lambda classes: 133632 + 4 * classes,
        shared_bytes=256 + 128,
    )


def last(k: int) -> Array:
    """P that is all at K: the loss is -log q_K."""
    return np.asarray(np.arange(1, k + 1) == k, np.float64)


def evaluate(
    logits: Array,
    labels: npt.ArrayLike,
    k: int,
    epsilon: float = 1.0,
    weights: Array | None = None,
    **options: Any,
) -> tuple[Array, Array]:
    halves = np.bincount([0, k - 1], minlength=k) / 2
    given = np.ascontiguousarray(halves if weights is None else weights, np.float64)

    def describe(call: Any) -> None:
        call.family = CONSTANTS["TOPK_DEVICE_TOPK_CROSS_ENTROPY"]
        loss = call.topk_cross_entropy
        loss.k, loss.epsilon, loss.weights.numbers = k, epsilon, given.ctypes.data

    kernel().describe = describe
    return kernel().run(logits, np.asarray(labels), **options)


def assert_like_cpu(
    logits: Array,
    labels: npt.ArrayLike,
    k: int,
    epsilon: float = 1.0,
    weights: Array | None = None,
    **options: Any,
) -> None:
    """Gradients of rows that lose next to nothing, as nearly as of others."""
    loss = topkloss.TopKCrossEntropyLoss(k, epsilon, weights=weights, reduction="none")
    values, expected = loss.value_and_grad(widened(logits), np.asarray(labels))
    losses, gradient = evaluate(logits, labels, k, epsilon, weights, **options)
    bar = BARS[str(logits.dtype)]
    for found, value, own, other in zip(
        losses, np.asarray(values), widened(gradient), expected, strict=True
    ):
        if np.isfinite(value):
            assert abs(found - value) <= 1e-6 * max(1, abs(value))
        else:
            assert_close(found, value, 0)
        assert_close(own, other, max(bar, 1e-13 / max(np.abs(other).max(), 1e-30)))


@pytest.mark.parametrize("classes", [2, 17, 100])
def test_like_the_cpu(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for k, epsilon, spread, weights in (
        (1, 1.0, 3.0, None),
        (2, 1.0, 3.0, None),
        (2, 0.01, 1.0, None),
        (3, 1.0, 0.1, last(3)),
        (4, 0.7, 1.0, rng.dirichlet(np.ones(4))),
        (5, 10.0, 1.0, None),
        (6, 1.0, 3.0, last(6)),
        (16, 1.0, 0.5, None),
    ):
        if k < classes:
            logits = stored(spread * rng.standard_normal((1, classes)), "float32")
            assert_like_cpu(logits, rng.integers(classes, size=1), k, epsilon, weights)


@pytest.mark.parametrize(("k", "spread"), [(5, 2.0), (15, 0.1)])
def test_like_the_cpu_of_a_thousand_classes(k: int, spread: float) -> None:
    """The fifteenth of many like scores varies the least."""
    rng = np.random.default_rng(k)
    logits = stored(spread * rng.standard_normal((1, 1000)), "float32")
    assert_like_cpu(logits, [7], k, 1.0, last(k))


def plain_quadrature(z: Array, y: int, k: int, epsilon: float) -> tuple[float, Array]:
    """-log q_k and its gradient."""
    step = 0.02 * epsilon
    t = np.arange(z.min() - 9 * epsilon, z.max() + 9 * epsilon, step)
    distances = (t - z[:, None]) / epsilon
    density = np.exp(-(distances**2) / 2) / math.sqrt(2 * math.pi) / epsilon
    above = np.vectorize(math.erfc)(distances / math.sqrt(2)) / 2
    below = np.vectorize(math.erfc)(-distances / math.sqrt(2)) / 2

    def count(without: set[int]) -> Array:
        found = np.eye(1, len(z) + 1).T * np.ones_like(t)
        for j in set(range(len(z))) - without:
            found = found * below[j] + np.roll(found, 1, axis=0) * above[j]
        return np.asarray(found)

    q = step * (density[y] * count({y})[:k].sum(axis=0)).sum()
    gradient = np.zeros(len(z))
    for j in set(range(len(z))) - {y}:
        gradient[j] = step * (density[y] * density[j] * count({y, j})[k - 1]).sum() / q
    gradient[y] = -gradient.sum()
    return -math.log(q), gradient


def test_against_a_plain_quadrature() -> None:
    """Of a label that is next to sure, derivatives too."""
    z, epsilon = np.array([0.4, -0.3, 1.5, 0.9, -0.2, -2.0]), 0.7
    for own, ranks in ((-0.3, (2, 3, 5)), (6.0, (3, 4)), (-4.0, (2,))):
        z[1] = own
        logits = stored(z[None], "float32")
        for k in ranks:
            expected, slopes = plain_quadrature(widened(logits[0]), 1, k, epsilon)
            losses, gradient = evaluate(logits, [1], k, epsilon, last(k), threads=32)
            assert losses[0] == pytest.approx(expected, rel=1e-6, abs=1e-12)
            assert_close(gradient[0], slopes, 1e-6)


def test_of_equal_logits() -> None:
    """Every class is as likely as the others to be among the K."""
    for classes, k in ((17, 2), (17, 13), (300, 5)):
        losses, gradient = evaluate(stored(np.full((1, classes), 0.3), "float32"), [3], k, 0.7)
        assert losses[0] == pytest.approx(-math.log((1 + k) / (2 * classes)), abs=1e-6)
        rivals = np.delete(gradient[0], 3)
        assert np.ptp(rivals) <= 1e-6 * rivals.max()
        assert gradient[0, 3] == pytest.approx(-rivals.astype(float).sum(), rel=1e-6)


def test_of_labels_far_below() -> None:
    """Where no type holds the probability; the last beyond 10^5 epsilon."""
    rng = np.random.default_rng(2)
    for depth, k, spread in (
        (5.0, 2, 1.0),
        (14.0, 3, 0.0),
        (25.0, 5, 6.0),
        (400.0, 3, 1.0),
        (2e4, 4, 6.0),
        (3e5, 2, 1.0),
    ):
        z = 0.5 * spread * rng.standard_normal(8)
        z[3] = np.delete(z, 3).min() - depth * 0.5
        assert_like_cpu(stored(z[None], "float32"), [3], k, 0.5, last(k))
    z = np.append(750 * np.array([2, 0, 3, 1, 2]) - 749.63, 0.37 - 750)
    assert_like_cpu(stored(z[None], "float32"), [5], 3, 1.0, last(3))
    # Distances and a gradient that float32 cannot hold, and a loss that float64 can.
    losses, _ = evaluate(stored([[0, 1e30, 3e30]], "float32"), [0], 2, 1e-10, last(2))
    assert losses[0] == pytest.approx(1e80 / 4, rel=1e-6)
    crowd = stored(0.3 * rng.standard_normal((1, 200)), "float32")
    crowd[0, 9] = -40
    assert_like_cpu(crowd, [9], 5, 1.0, last(5))


def test_of_one_rival_to_overtake() -> None:
    """The other is out of reach: q_2 is of one normal difference, of variance 2."""
    for distance in (4e5, 2.0**24):
        z = stored([[0, distance, 3 * distance]], "float32")
        losses, gradient = evaluate(z, [0], 2, 0.5, last(2))
        x = 2 * distance / math.sqrt(2)
        log_q = -x * x / 2 - math.log(x * math.sqrt(2 * math.pi))
        assert losses[0] == pytest.approx(-log_q, rel=1e-6)
        slope = (distance + 0.5 / distance) / 0.5
        np.testing.assert_allclose(gradient[0], [-slope, slope, 0], rtol=1e-6, atol=1e-9)


def test_of_labels_far_above() -> None:
    """For sure among the K, or all but so."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal(12)
    for lead in (3.0, 6.0, 9.0, 16.0, 18.0, 100.0, 1e6):
        z[4] = np.sort(np.delete(z, 4))[-3] + lead
        logits = stored(z[None], "float32")
        assert_like_cpu(logits, [4], 3)
        losses, gradient = evaluate(logits, [4], 3, 1.0, last(3))
        assert 0 <= losses[0] <= 0.1
        if lead < 10:
            assert_like_cpu(logits, [4], 3, 1.0, last(3))
        if lead > 17:
            assert losses[0] == 0
            assert not gradient.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_masked_classes_and_what_is_no_number(dtype: str) -> None:
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((7, 20))
    logits[rng.random((7, 20)) < 0.5] = -np.inf
    logits[:, 3] = 0.5
    logits[1, 4:] = -np.inf  # fewer than k others
    logits[2] = -np.inf
    logits[2, 3] = 1  # alone
    logits[3, 3] = -np.inf  # masked out itself
    logits[4, 3], logits[5, 7], logits[6, 19] = np.inf, np.nan, np.inf
    for k, weights in ((1, None), (5, None), (5, last(5))):
        assert_like_cpu(stored(logits, dtype), [3] * 7, k, 1.0, weights)


def test_the_same_bytes_in_every_order() -> None:
    rng = np.random.default_rng(5)
    logits = stored(2 * rng.standard_normal((2, 20)), "bfloat16")
    assert_like_cpu(logits, [1, 19], 3, 0.5, np.ones(3) / 3, in_place=True)
    found = {
        tuple(
            array.tobytes()
            for array in evaluate(
                logits, [1, 19], 3, 0.5, np.ones(3) / 3, order=order, in_place=order % 2 == 1
            )
        )
        for order in ORDERS
    }
    assert len(found) == 1


@pytest.mark.parametrize("threads", [32, 256, 1024])
def test_blocks_of_any_size(threads: int) -> None:
    rng = np.random.default_rng(6)
    logits = stored(2 * rng.standard_normal((1, 90)), "float32")
    assert_like_cpu(logits, [77], 5, threads=threads, blocks=1)
    expected, _ = evaluate(logits, [77], 5, threads=threads)
    alone, _ = evaluate(logits, [77], 5, threads=threads, wants_gradient=False)
    assert alone == expected


def test_weights_and_upstream() -> None:
    rng = np.random.default_rng(7)
    logits = stored(rng.standard_normal((3, 9)), "float32")
    labels = [1, -100, 4]
    losses, gradient = evaluate(logits, labels, 2, sample_weight=[2, 1, 0.5], upstream=[1, 5, -3])
    plain, slopes = evaluate(logits, [1, 0, 4], 2)
    assert_close(losses, plain * [2, 0, 0.5], 1e-6)
    assert_close(gradient, slopes * np.array([2, 0, -1.5])[:, None], 1e-6)

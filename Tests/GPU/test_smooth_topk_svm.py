"""The smooth top-K SVM's kernel: against sums over subsets in logarithms, and the CPU's."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import topkloss

from call import CONSTANTS
from device import ORDERS
from rows import DTYPES, Array, Rows, assert_close, stored, widened

BARS = {"float32": 1e-6, "float16": 6e-4, "bfloat16": 5e-3}


@functools.cache
def kernel() -> Rows:
    return Rows("smooth_topk_svm", lambda _: None, shared_bytes=256 + 5120)


def evaluate(
    logits: Array, labels: Array, k: int, tau: float = 1.0, alpha: float = 1.0, **options: Any
) -> tuple[Array, Array]:
    rows = kernel()

    def describe(call: Any) -> None:
        call.family = CONSTANTS["TOPK_DEVICE_SMOOTH_TOPK_SVM"]
        loss = call.smooth_topk_svm
        loss.k, loss.tau, loss.alpha = k, tau, alpha

    rows.describe = describe
    return rows.run(logits, labels, **options)


def of_cpu(
    logits: Array, labels: Array, k: int, tau: float = 1.0, alpha: float = 1.0
) -> tuple[Array, Array]:
    """Losses, and gradients of their sum."""
    wide = widened(logits)
    values, gradient = topkloss.SmoothTopKSVMLoss(k, tau, alpha, reduction="none").value_and_grad(
        wide, labels
    )
    return np.asarray(values), np.asarray(gradient)


def assert_like_cpu(logits: Array, labels: Array, k: int, *loss: float, **options: Any) -> None:
    losses, gradient = evaluate(logits, labels, k, *loss, **options)
    values, expected = of_cpu(logits, labels, k, *loss)
    bar = BARS[str(logits.dtype)]
    for found, value, own, other in zip(losses, values, widened(gradient), expected, strict=True):
        if np.isfinite(value):
            assert abs(found - value) <= 1e-6 * max(1, abs(value))
        else:
            assert_close(found, value, 0)
        assert_close(own, other, bar)


@pytest.mark.parametrize("classes", [2, 17, 100, 1000])
def test_like_the_cpu(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for k in {1, 2, 5, 8, 9, 16}:
        for tau, spread in ((1.0, 3.0), (0.1, 1.0), (10.0, 0.1), (0.01, 100.0), (0.01, 1e4)):
            if k < classes:
                logits = stored(spread * rng.standard_normal((2, classes)), "float32")
                assert_like_cpu(logits, rng.integers(classes, size=2), k, tau)


def test_against_sums_over_subsets() -> None:
    rng = np.random.default_rng(1)
    logits = stored(2 * rng.standard_normal((3, 8)), "float32")
    for k in range(1, 8):
        losses, _ = evaluate(logits, np.array([0, 3, 7]), k, 0.6, 1.2, threads=32)
        for z, y, loss in zip(logits.astype(float), (0, 3, 7), losses, strict=True):
            rivals = np.delete(z, y) / (k * 0.6)
            fewer, more = (
                sum(np.exp(sum(chosen)) for chosen in itertools.combinations(rivals, size))
                for size in (k - 1, k)
            )
            own = np.exp(z[y] / (k * 0.6)) * fewer
            assert loss == pytest.approx(0.6 * np.log((own + np.exp(2) * more) / own), rel=1e-6)


def test_of_equal_and_confident_rows() -> None:
    rng = np.random.default_rng(2)
    logits = rng.standard_normal((6, 40))
    logits[0] = 3
    logits[1, :20] = 1e4
    logits[2, 5] = 80
    logits[3, 5] = 2000
    logits[4, 6] = 2000
    logits[5] = np.round(logits[5])
    for k in (1, 3, 6, 16):
        assert_like_cpu(stored(logits, "float32"), np.full(6, 5), k)


def test_of_masked_classes_and_what_is_no_number() -> None:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((8, 30))
    logits[rng.random((8, 30)) < 0.6] = -np.inf
    logits[0] = -np.inf
    logits[1, 4:] = -np.inf  # the label's and fewer rivals than k
    logits[2, 3] = -np.inf
    logits[5, 7], logits[6, 29], logits[7, 3] = np.nan, np.inf, np.nan
    for k in (1, 4, 10):
        for dtype in DTYPES:
            assert_like_cpu(stored(logits, dtype), np.full(8, 3), k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bytes_in_every_order(dtype: str) -> None:
    rng = np.random.default_rng(4)
    logits = stored(2 * rng.standard_normal((5, 133)), dtype)
    labels = rng.integers(133, size=5)
    for k, threads in ((5, 96), (16, 32)):
        assert_like_cpu(logits, labels, k, in_place=True)
        found = {
            tuple(
                array.tobytes()
                for array in evaluate(
                    logits, labels, k, order=order, threads=threads, in_place=order % 2 == 1
                )
            )
            for order in ORDERS
        }
        assert len(found) == 1


@pytest.mark.parametrize("threads", [32, 256, 1024])
def test_blocks_of_any_size(threads: int) -> None:
    rng = np.random.default_rng(5)
    logits = stored(rng.standard_normal((3, 1501)), "float32")
    labels = np.array([0, 700, 1500])
    assert_like_cpu(logits, labels, 5, threads=threads, blocks=1)


def test_weights_and_rows_that_are_ignored() -> None:
    rng = np.random.default_rng(6)
    logits = stored(rng.standard_normal((4, 20)), "float32")
    labels = np.array([3, -100, 7, 8])
    losses, gradient = evaluate(
        logits, labels, 3, sample_weight=[2, 1, 0, 0.5], upstream=[1, 5, 1, -3]
    )
    values, slopes = of_cpu(logits, np.maximum(labels, 0), 3)
    assert_close(losses, values * [2, 0, 0, 0.5], 1e-6)
    assert_close(gradient, slopes * np.array([2, 0, 0, -1.5])[:, None], 1e-6)
    alone, _ = evaluate(logits, labels, 3, wants_gradient=False)
    assert_close(alone, values * [1, 0, 1, 1], 1e-6)

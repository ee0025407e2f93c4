"""The kernel of noised top-K's expectation: against a plain quadrature, and the CPU's."""

from __future__ import annotations

import functools
import math
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
    return Rows("exact_topk", lambda _: None, lambda _: 133632, shared_bytes=256 + 128)


def evaluate(
    logits: Array, labels: Array | None, rank: int, epsilon: float, **options: Any
) -> tuple[Array, Array]:
    """T and its gradient, or with labels the hinge around it, of a margin and a scale."""
    own = {key: options.pop(key) for key in ("margin", "scale", "class_margin") if key in options}

    def describe(call: Any) -> None:
        call.family = CONSTANTS["TOPK_DEVICE_NOISED_TOPK"]
        loss = call.noised_topk
        loss.rank, loss.epsilon, loss.has_label = rank, epsilon, labels is not None
        loss.margin, loss.scale = own.get("margin", 1), own.get("scale", 1)
        if "class_margin" in own:
            loss.class_margin.numbers = own["class_margin"].ctypes.data

    kernel().describe = describe
    return kernel().run(logits, labels, **options)


def assert_like(
    found: tuple[Array, Array], values: Array, gradient: Array, epsilon: float, dtype: str
) -> None:
    for one, value, own, expected in zip(found[0], values, found[1], gradient, strict=True):
        if np.isfinite(value):
            assert abs(one - value) <= 1e-6 * max(epsilon, 0.1 * abs(value))
        else:
            assert_close(one, value, 0)
        assert_close(widened(own), expected, BARS[dtype])


def assert_operator_like_cpu(logits: Array, rank: int, epsilon: float, **options: Any) -> None:
    dtype = str(logits.dtype)
    wide = widened(logits)
    values = topkloss.noised_topk(wide, rank, epsilon)
    gradient = topkloss.noised_topk_vjp(wide, rank, epsilon)
    found = evaluate(logits, None, rank, epsilon, **options)
    assert_like(found, values, gradient, epsilon, dtype)


@pytest.mark.parametrize("classes", [2, 17, 100])
def test_like_the_cpu(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for rank in {1, 2, 5, 8, 9, 16}:
        for epsilon, spread in ((1.0, 3.0), (1.0, 0.1), (0.01, 1.0), (1e-5, 1.0), (1e4, 1.0)):
            if rank <= classes and (rank < 9 or epsilon == 1):
                logits = stored(spread * rng.standard_normal((1, classes)), "float32")
                assert_operator_like_cpu(logits, rank, epsilon, threads=32)


@pytest.mark.parametrize(("rank", "spread"), [(1, 1.0), (6, 3.0), (16, 0.2)])
def test_like_the_cpu_of_a_thousand_classes(rank: int, spread: float) -> None:
    rng = np.random.default_rng(rank)
    logits = stored(spread * rng.standard_normal((1, 1000)), "float32")
    assert_operator_like_cpu(logits, rank, 1.0)


def test_against_a_plain_quadrature() -> None:
    z, epsilon, step = np.array([0.4, -0.3, 1.5, 0.9, 0.4, -2.0]), 0.7, 0.002
    t = np.arange(-12, 12, step)
    above = np.vectorize(math.erfc)((t - z[:, None]) / (math.sqrt(2) * epsilon)) / 2
    for rank in range(1, 7):
        count = np.eye(1, 7).T * np.ones_like(t)
        for p in above:
            count = count * (1 - p) + np.roll(count, 1, axis=0) * p
        expected = t[-1] - step * (count[:rank].sum() - 0.5)
        losses, _ = evaluate(stored(z[None], "float32"), None, rank, epsilon, threads=32)
        assert losses[0] == pytest.approx(expected, abs=1e-6)


def test_crowds_and_ties() -> None:
    """Equal scores share alike; above a crowd the order statistic hardly varies."""
    rows = np.zeros((3, 600))
    rows[1, -1], rows[2, :20] = 0.35, 3.0
    for rank in (1, 7):
        assert_operator_like_cpu(stored(rows, "float32"), rank, 1.0)
    _, gradient = evaluate(stored(rows, "float32"), None, 5, 1.0)
    assert_close(gradient[0], np.full(600, 1 / 600), 1e-6)
    assert gradient.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_scores_far_from_zero() -> None:
    rng = np.random.default_rng(2)
    for offset in (1e3, -1e6):
        logits = stored(offset + rng.integers(-8, 9, (2, 20)) / 8, "float32")
        assert_operator_like_cpu(logits, 4, 0.5)
    assert_operator_like_cpu(stored([[3e38, -3e38, 5.0, 1.0]], "float32"), 3, 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_masked_classes_and_what_is_no_number(dtype: str) -> None:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((6, 30))
    logits[rng.random((6, 30)) < 0.5] = -np.inf
    logits[0] = -np.inf
    logits[1, 2:] = -np.inf
    logits[4, 7], logits[5, 29] = np.nan, np.inf
    kept = stored(logits[:4], dtype)
    for rank in (1, 5):
        assert_operator_like_cpu(kept, rank, 1.0)
        losses, gradient = evaluate(stored(logits[4:], dtype), None, rank, 1.0)
        assert np.isnan(losses).all()
        assert np.isnan(widened(gradient)).all()


@pytest.mark.filterwarnings("ignore:.*meant for cosines")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_hinge(dtype: str) -> None:
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((6, 25))
    logits[1, 4] = 30  # nothing to lose
    logits[2, 4] = -np.inf
    logits[3, 2:] = -np.inf  # the class at the rank and the label are masked out
    rows, labels = stored(logits, dtype), np.full(6, 4)
    counts = rng.integers(1, 1000, 25)
    margins = 2 * (counts / counts.min()) ** -0.25
    losses: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({"margin": 0.8}, {"margin": 0.8}),
        (
            {"class_counts": counts, "max_margin": 2.0, "scale": 3.0},
            {"class_margin": margins, "scale": 3.0},
        ),
    )
    for options, described in losses:
        loss = topkloss.NoisedTopKLoss(3, 0.6, estimator="exact", reduction="none", **options)
        values, gradient = loss.value_and_grad(widened(rows), labels)
        found = evaluate(rows, labels, 4, 0.6, in_place=True, **described)
        assert_like(found, np.asarray(values), np.asarray(gradient), 1.0, dtype)


def test_the_same_bytes_in_every_order() -> None:
    rng = np.random.default_rng(5)
    logits = stored(2 * rng.standard_normal((3, 70)), "bfloat16")
    labels = np.array([1, 69, 30])
    for rank, threads in ((3, 96), (10, 32)):
        found = {
            tuple(
                array.tobytes()
                for array in evaluate(
                    logits,
                    labels,
                    rank,
                    0.5,
                    order=order,
                    threads=threads,
                    in_place=order % 2 == 1,
                )
            )
            for order in ORDERS
        }
        assert len(found) == 1


@pytest.mark.parametrize("threads", [32, 256, 1024])
def test_blocks_of_any_size(threads: int) -> None:
    rng = np.random.default_rng(6)
    logits = stored(3 * rng.standard_normal((1, 300)), "float32")
    assert_operator_like_cpu(logits, 3, 1.0, threads=threads)
    expected, _ = evaluate(logits, None, 3, 1.0, threads=threads)
    alone, _ = evaluate(logits, None, 3, 1.0, threads=threads, wants_gradient=False)
    assert alone == expected

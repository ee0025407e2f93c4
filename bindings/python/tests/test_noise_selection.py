"""Noise that is drawn, and passed by where it cannot matter, against the same noise passed in.

What the library draws itself must give the same bits as if all had been drawn: at the borders
between its ways of drawing (few and many classes, ranks, rows in which little or much of the noise
matters), among ties and masked classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pairwise import pairwise

import topkloss

SEED, STEP, SAMPLES = 11, 12, 7
CLASSES = [1, 2, 15, 16, 17, 255, 256, 257, 272, 513, 4095, 4096, 4097]
RANKS = [1, 5, 13, 14, 16, 17, 61]


def assert_same(scores: NDArray, rank: int, epsilon: float) -> None:
    """Values and gradients, bit for bit."""
    rows, classes = scores.shape
    noise = topkloss.standard_normal(SEED, STEP, 0, rows, SAMPLES, classes)
    options = {"estimator": "monte_carlo", "n_samples": SAMPLES}
    drawn = {**options, "seed": SEED, "step": STEP}
    given = {**options, "noise": noise.astype(scores.dtype)}
    for function in (topkloss.noised_topk, topkloss.noised_topk_vjp):
        own = function(scores, rank, epsilon, **drawn)
        expected = function(scores, rank, epsilon, **given)
        assert own.tobytes() == expected.tobytes()


@pairwise(
    lambda classes=4097, rank=1, **_: rank <= classes,
    classes=CLASSES,
    rank=RANKS,
    dtype=(np.dtype("f4"), np.dtype("f8")),
)
def test_borders(classes: int, rank: int, dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(classes * 100 + rank)
    scores = rng.normal(size=(4, classes))
    scores[1, rng.permutation(classes)[: rank + 3]] += 9
    scores[2] *= 0.01
    scores[3, : classes // 2] -= 50
    assert_same(scores.astype(dtype), rank, 1.0)


@pairwise(
    classes=(40, 300, 5000), epsilon=(1e-3, 1.0, 100.0), dtype=(np.dtype("f4"), np.dtype("f8"))
)
def test_ties_and_masks(classes: int, epsilon: float, dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(classes)
    scores = np.zeros((6, classes), dtype)
    scores[1] = rng.integers(3, size=classes)
    scores[2] = 2.0**26  # the noise is lost in the sum: all scores tie
    scores[3] = np.where(rng.random(classes) < 0.9, -np.inf, scores[3])
    scores[4, 3:] = -np.inf  # fewer than the rank are left
    scores[5] = -np.inf
    scores[5, -1] = 1
    assert_same(scores, 5, epsilon)


def test_enough_noise_is_drawn_in_one_go() -> None:
    """More samples than are drawn at once, of few classes and of many."""
    rng = np.random.default_rng(0)
    for classes in (20, 600, 4000):
        scores = rng.normal(size=(2, classes)).astype(np.float32)
        noise = topkloss.standard_normal(1, 0, 0, 2, 100, classes)
        own = topkloss.noised_topk(scores, 3, estimator="monte_carlo", n_samples=100, seed=1)
        order = np.sort(scores[:, None] + noise, axis=2)[:, :, -3]
        np.testing.assert_allclose(own, order.mean(axis=1, dtype=float), rtol=1e-6)

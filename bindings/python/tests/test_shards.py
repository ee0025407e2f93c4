"""Losses of which each rank has the logits of some classes: as those of whole rows."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import LAYOUTS, with_strides
from losses import BY_KIND, BY_NAME
from pairwise import pairwise
from shard_support import (
    SHARDED,
    STEP,
    edges,
    given_noise,
    parts,
    states_of,
    together,
)
from support import (
    DTYPES,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
)

import topkloss

SHAPES = ((1, 1), (2, 2), (5, 7), (4, 17), (4, 100), (3, 320), (2, 5000))


@pairwise(
    lambda case=BY_KIND["cross_entropy"], shape=(2, 5000), **_: case.allows(shape[1]),
    case=SHARDED,
    shape=SHAPES,
    dtype=DTYPES,
    count=(1, 2, 3, 5),
    reduction=("mean", "sum", "none"),
    options=("plain", "weighted", "of classes"),
)
def test_value_and_gradient(case, shape, dtype, count, reduction, options, rng):
    """Against the formulation; in place too."""
    batch = given_noise(case.sample(rng, shape, dtype))
    batch.labels[::4] = -100
    of_call = {} if options == "plain" else {"sample_weight": rng.uniform(0.1, 2, shape[0])}
    given = case.class_options(rng, shape[1]) if options == "of classes" else {}
    expected, slope = batch.expect(given, reduction=reduction, **of_call)
    loss = case.make(batch.counts, reduction=reduction, **given)
    owned = parts(batch.logits, edges(case, shape[1], count, rng))
    value, gradient = together(loss, owned, batch.labels, **of_call)
    assert_value(value, expected, dtype, case.looser)
    assert_gradient(gradient, slope, dtype, case.looser)
    again, replaced = together(loss, owned, batch.labels, in_place=True, **of_call)
    assert bits(again) == bits(value)
    assert bits(replaced) == bits(gradient)


@pytest.mark.parametrize("classes", [33, 100, 700, 5000])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64, FLOAT16])
@pytest.mark.parametrize("k", [1, 5, 20, 32])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 3.0])
def test_noise_is_that_of_whole_rows(k, epsilon, dtype, classes, rng):
    """To the last bit, ties, masked classes and ranks beyond a shard's classes among them."""
    logits = rng.integers(-8, 8, (6, classes)).astype(dtype) / 4
    logits[1] = -np.inf
    logits[2, 3:] = -np.inf
    logits[3] = 0
    labels = rng.integers(classes, size=6)
    loss = topkloss.NoisedTopKLoss(k, epsilon, seed=7, n_samples=9, reduction="none")
    expected, slope = loss.value_and_grad(logits, labels, step=STEP)
    for count in (2, 4):
        at = edges(BY_NAME["noised_topk"], classes, count, rng)
        value, gradient = together(loss, parts(logits, at), labels)
        assert bits(value) == bits(expected)
        assert bits(gradient) == bits(slope)


def test_many_samples_and_low_ranks(rng):
    """Ranks that are kept in a heap, and more samples than are drawn at once."""
    logits = rng.standard_normal((3, 400)).astype(np.float32)
    labels = rng.integers(400, size=3)
    for k, n_samples in ((150, 3), (70, 40), (2, 1000)):
        loss = topkloss.NoisedTopKLoss(k, 0.5, n_samples=n_samples)
        expected, slope = loss.value_and_grad(logits, labels, step=STEP)
        value, gradient = together(loss, parts(logits, [0, 64, 96, 320, 400]), labels)
        assert value == expected
        assert bits(gradient) == bits(slope)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, rng):
    for case in (BY_NAME["vector_scaling"], BY_NAME["noised_topk"]):
        batch = case.sample(rng, (20, 96), FLOAT32)
        loss = case.make(batch.counts)
        owned = parts(batch.logits, [0, 32, 96])
        value, gradient = together(loss, owned, batch.labels)
        strided = [(shard, with_strides(own, layout)) for shard, own in owned]
        again, replaced = together(loss, strided, batch.labels, in_place=True)
        assert again == value
        assert bits(replaced) == bits(gradient)


def test_threads_change_nothing(rng):
    for case in (BY_NAME["elm"], BY_NAME["noised_topk"]):
        batch = case.sample(rng, (1200, 600), FLOAT32)
        loss = case.make(batch.counts)
        found = []
        for threads in (1, 2):
            topkloss.set_num_threads(threads)
            owned = parts(batch.logits, [0, 224, 600])
            value, gradient = together(loss, owned, batch.labels)
            found.append((value, bits(gradient), bits(states_of(loss, owned, batch.labels))))
        assert found[0] == found[1]


def test_many_classes(rng):
    """As many as nobody has room for: to 1e-6."""
    logits = 3 * rng.standard_normal((16, 100_000)).astype(np.float32)
    labels = rng.integers(100_000, size=16)
    counts = np.ceil(1e5 / np.arange(1, 100_001))
    at = [0, 33_344, 66_688, 100_000]
    for loss in (topkloss.LogitAdjustedLoss(counts), topkloss.NoisedTopKLoss(5)):
        step = {"step": STEP} if isinstance(loss, topkloss.NoisedTopKLoss) else {}
        expected, slope = loss.value_and_grad(logits, labels, **step)
        value, gradient = together(loss, parts(logits, at), labels)
        assert abs(value - expected) <= 1e-6 * abs(expected)
        assert np.abs(gradient - slope).max() <= 1e-6 * np.abs(slope).max()


def test_empty_batches():
    loss = topkloss.CrossEntropyLoss()
    owned = parts(np.empty((0, 9), np.float32), [0, 4, 9])
    value, gradient = together(loss, owned, np.empty(0, np.int64))
    assert value == 0
    assert gradient.shape == (0, 9)

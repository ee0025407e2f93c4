"""The top-K hinges: ties, masks and noise.

`test_properties` has the rest, `test_exact_estimator` the exact statistic.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import reference
import reference_topk
from pairwise import pairwise
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
    refuses,
)

import topkloss

ARITHMETICS = (FLOAT32, FLOAT64)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
arithmetics = pytest.mark.parametrize("dtype", ARITHMETICS, ids=str)


def expect(row, logits, labels, **options):
    rows = [row(z, int(y), **options) for z, y in zip(logits, labels, strict=True)]
    return reference.reduced(rows, labels, reduction="none")


# The hinge, with noise of size 0 as well


@pairwise(dtype=DTYPES, k=(1, 3, 20), margin=(1.0, 0.0, -1.0), classes=(21, 300, 5000))
def test_ties(dtype, k, margin, classes, rng):
    """Of classes with equal scores the one with the lowest index holds the rank; 0 is inactive."""
    logits = rng.integers(-3, 4, (30, classes)).astype(dtype)
    if classes > 21:  # one class, or a few, above the ties
        logits[:, rng.permutation(classes)[:5]] += rng.integers(0, 5, (30, 5)).astype(dtype)
    labels = rng.integers(classes, size=30)
    expected = expect(reference_topk.hinge_row, logits, labels, k=k, margin=margin)
    for loss in (
        topkloss.TopKHingeLoss(k, margin, reduction="none"),
        topkloss.NoisedTopKLoss(k, 0.0, margin=margin, reduction="none"),
        topkloss.NoisedTopKLoss(k, 0.0, margin=margin, estimator="exact", reduction="none"),
    ):
        values, gradient = loss.value_and_grad(logits, labels)
        np.testing.assert_array_equal(values.astype(float), expected[0])
        np.testing.assert_array_equal(gradient.astype(float), expected[1])


@dtypes
def test_too_few_classes_are_left(dtype, rng):
    """Masked classes rank last; where one of them holds the rank there is no loss."""
    logits = rng.standard_normal((40, 9)).astype(dtype)
    logits[rng.random((40, 9)) < 0.4] = -np.inf
    labels = rng.integers(9, size=40)
    logits[np.arange(40), labels] = rng.standard_normal(40)
    assert sum(np.count_nonzero(~np.isneginf(logits), axis=1) < 5) > 3
    expected = expect(reference_topk.hinge_row, logits, labels, k=4)
    values, gradient = topkloss.TopKHingeLoss(4, reduction="none").value_and_grad(logits, labels)
    assert_value(values, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


def test_a_masked_label_at_the_rank():
    """Where it holds the rank itself, the margin is left and nothing can be learnt."""
    logits = np.array([[1.0, -np.inf, -np.inf], [1.0, 2.0, -np.inf]])
    for loss in (
        topkloss.TopKHingeLoss(1, 0.8, reduction="none"),
        topkloss.NoisedTopKLoss(1, 0.5, margin=0.8, reduction="none"),
        topkloss.NoisedTopKLoss(1, 0.5, margin=0.8, estimator="exact", reduction="none"),
    ):
        values, gradient = loss.value_and_grad(logits, [1, 2])
        np.testing.assert_array_equal(values, [0.8, np.inf])
        np.testing.assert_array_equal(gradient[0], 0)
        assert gradient[1].sum() == pytest.approx(0, abs=1e-9)
        assert gradient[1, 2] == -1


def test_hinge_by_hand():
    logits = np.array([[3.0, 2.0, 1.0, 0.0]])
    loss = topkloss.TopKHingeLoss(2)
    assert loss(logits, [0]) == 0  # 1 + 1 - 3 < 0
    assert loss(logits, [1]) == 0  # exactly 0
    value, gradient = loss.value_and_grad(logits, [3])
    assert value == 2
    np.testing.assert_array_equal(gradient, [[0, 0, 1, -1]])
    value, gradient = loss.value_and_grad(logits, [2])  # the label itself holds rank 3
    assert value == 1
    np.testing.assert_array_equal(gradient, [[0, 0, 0, 0]])


def test_defaults_of_the_balanced_and_of_the_imbalanced_loss(rng):
    """Those of Pl@ntNet-300K with class counts, on cosines; else 1, 1 and 1."""
    counts = np.array([900.0, 120.0, 40.0, 15.0, 4.0, 60.0])
    cosines, labels = rng.uniform(-1, 1, (30, 6)), rng.integers(6, size=30)
    noise = given_noise(rng, 30, 5, 6, FLOAT64)
    margins = reference.margins(counts, 0.2)
    for options, expected in (
        ({}, {"epsilon": 1.0, "margin": 1.0, "scale": 1.0}),
        ({"class_counts": counts}, {"epsilon": 0.01, "scale": 60.0}),
        ({"class_counts": counts, "epsilon": 1, "scale": 1}, {"epsilon": 1.0, "scale": 1.0}),
    ):
        rows = [
            reference_topk.noised_row(z, y, each, k=2, **{"margin": margins[y], **expected})
            for z, y, each in zip(cosines, labels, noise, strict=True)
        ]
        loss = topkloss.NoisedTopKLoss(2, **options, reduction="none")
        values, gradient = loss.value_and_grad(cosines, labels, noise=noise)
        assert_value(values, np.array([row[0] for row in rows]), FLOAT64)
        assert_gradient(gradient, np.array([row[1] for row in rows]), FLOAT64)


# Noise that is given

SIZES = (
    *[(1, 2, 1, 1), (3, 3, 2, 4), (4, 7, 1, 5), (4, 15, 3, 5), (4, 16, 5, 1), (4, 17, 16, 3)],
    *[(3, 31, 5, 5), (3, 33, 32, 5), (7, 100, 5, 5), (4, 1000, 20, 7), (1, 100_003, 5, 5)],
)


def given_noise(rng, rows, samples, classes, dtype):
    arithmetic = np.float64 if dtype == FLOAT64 else np.float32
    return rng.standard_normal((rows, samples, classes)).astype(arithmetic)


@pairwise(dtype=DTYPES, size=SIZES, epsilon=(1.0, 0.1))
def test_ranks_and_samples(dtype, size, epsilon, rng):
    rows, classes, k, samples = size
    logits = rng.standard_normal((rows, classes)).astype(dtype)
    labels = rng.integers(classes, size=rows)
    noise = given_noise(rng, rows, samples, classes, dtype)
    found = [
        reference_topk.noised_row(z, int(y), each, k=k, epsilon=epsilon)
        for z, y, each in zip(logits, labels, noise, strict=True)
    ]
    expected = reference.reduced(found, labels)
    loss = topkloss.NoisedTopKLoss(k, epsilon, n_samples=samples)
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


def test_bad_noise_poisons_its_own_row_only(rng):
    logits = rng.standard_normal((3, 41)).astype(np.float32)
    noise = rng.standard_normal((3, 5, 41)).astype(np.float32)
    loss = topkloss.NoisedTopKLoss(3, reduction="none")
    clean = loss.value_and_grad(logits, [0, 1, 2], noise=noise)
    for samples, poison in (((4, 40), np.nan), (slice(2), [[np.inf], [-np.inf]])):
        bad = noise.copy()
        bad[1][samples] = poison
        values, gradient = loss.value_and_grad(logits, [0, 1, 2], noise=bad)
        assert np.isnan(values[1])
        assert np.isnan(gradient[1]).all()
        assert bits(values[[0, 2]]) == bits(clean[0][[0, 2]])
        assert bits(gradient[[0, 2]]) == bits(clean[1][[0, 2]])


@dtypes
def test_many_masked_classes_are_not_there(dtype, rng):
    logits = rng.standard_normal((6, 40)).astype(dtype)
    kept = np.sort(rng.permutation(40)[:10])
    masked = np.full_like(logits, -np.inf)
    masked[:, kept] = logits[:, kept]
    labels = rng.integers(10, size=6)
    noise = given_noise(rng, 6, 5, 40, dtype)
    loss = topkloss.NoisedTopKLoss(4, 0.7)
    value, gradient = loss.value_and_grad(masked, kept[labels], noise=noise)
    few_value, few_gradient = loss.value_and_grad(
        np.ascontiguousarray(logits[:, kept]), labels, noise=noise[:, :, kept]
    )
    assert value == few_value
    assert bits(gradient[:, kept]) == bits(few_gradient)
    assert np.count_nonzero(gradient.astype(float)) == np.count_nonzero(few_gradient.astype(float))


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64, BFLOAT16], ids=str)
def test_noise_in_any_layout_and_type(dtype, rng):
    logits = rng.standard_normal((4, 9)).astype(dtype)
    noise = given_noise(rng, 4, 5, 9, dtype)
    loss = topkloss.NoisedTopKLoss(2)

    def value(noise, rows=logits):
        return loss.value_and_grad(rows, [0, 1, 2, 3], noise=noise)[0]

    expected = value(noise)
    assert value(noise[::-1].copy()[::-1]) == expected
    assert value(np.ascontiguousarray(noise.transpose(1, 0, 2)).transpose(1, 0, 2)) == expected
    assert value(np.ascontiguousarray(noise.transpose(0, 2, 1)).transpose(0, 2, 1)) == expected
    padded = np.zeros((4, 5, 20), noise.dtype)
    padded[:, :, 3:12] = noise
    assert value(padded[:, :, 3:12]) == expected
    assert value(noise[:, ::-1].copy()[:, ::-1]) == expected
    single = noise.astype(np.float32)
    assert value(single) == value(single.astype(np.float64)) == value(single.tolist())
    # One noise for all rows, and one for all samples: strides of 0.
    for shared in (noise[:1], noise[:, :1]):
        shared = np.broadcast_to(shared, noise.shape)
        assert value(shared) == value(shared.copy())


# The library's own noise


@arithmetics
def test_own_noise_is_the_standard_normal_of_seed_and_step(dtype, rng):
    """In float64 it is the float32 noise widened."""
    logits = rng.standard_normal((6, 50)).astype(dtype)
    labels = rng.integers(50, size=6)
    loss = topkloss.NoisedTopKLoss(5, 0.8, n_samples=4, seed=77)
    own_value, own_gradient = loss.value_and_grad(logits, labels, step=12)
    noise = topkloss.standard_normal(77, 12, 0, 6, 4, 50)
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    assert own_value == value
    assert bits(own_gradient) == bits(gradient)


@pairwise(dtype=DTYPES, classes=(6, 16, 33, 1000), threads=(1, 3))
def test_own_noise_in_place_and_on_any_threads(dtype, classes, threads, rng):
    logits = rng.standard_normal((97, classes)).astype(dtype)
    labels = rng.integers(classes, size=97)
    loss = topkloss.NoisedTopKLoss(5)
    value, gradient = loss.value_and_grad(logits, labels, step=9)
    topkloss.set_num_threads(threads)
    try:
        same_value, same = loss.value_and_grad(logits, labels, step=9, out=logits)
    finally:
        topkloss.set_num_threads(0)
    assert same is logits
    assert same_value == value
    assert bits(same) == bits(gradient)


def test_steps_count_calls(rng):
    logits = rng.standard_normal((6, 50))
    labels = rng.integers(50, size=6)
    loss, other = topkloss.NoisedTopKLoss(5), topkloss.NoisedTopKLoss(5)
    values = [loss(logits, labels) for _ in range(4)]
    assert values == [other(logits, labels, step=step) for step in range(4)]
    assert len(set(values)) == 4
    assert topkloss.NoisedTopKLoss(5, seed=1)(logits, labels) not in values
    # Calls with a step or with noise are not counted.
    loss(logits, labels, step=0)
    loss(logits, labels, noise=np.zeros((6, 5, 50)))
    assert loss.value_and_grad(logits, labels)[0] == other(logits, labels, step=4)
    for duplicate in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        twin = duplicate(loss)  # goes on from the same step
        assert twin(logits, labels) == other(logits, labels, step=5)


@pairwise(
    dtype=ARITHMETICS,
    case=((0, 1e-300), (0, 1e-41), (0, 1e-39), (0, 1e-38), (1000, 1e-5), (1000, 2e-5), (20, 3e-7)),
)
def test_noise_that_is_not_drawn_would_not_have_mattered(dtype, case):
    """Where scores and noise differ by roundings, and where 1 / epsilon is beyond numbers."""
    level, epsilon = case
    logits = np.full((3, 2000), level, dtype)
    logits[:, -16:] = np.nextafter(np.asarray(level, dtype), dtype.type(np.inf))
    loss = topkloss.NoisedTopKLoss(5, epsilon, reduction="sum", seed=3)
    noise = topkloss.standard_normal(3, 0, 0, 3, 5, 2000).astype(dtype)
    value, gradient = loss.value_and_grad(logits, np.zeros(3, int), step=0)
    expected, expected_gradient = loss.value_and_grad(logits, np.zeros(3, int), noise=noise)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)


def test_the_exact_estimator_takes_no_noise(rng):
    """Samples, seeds and steps are nothing to it."""
    logits = rng.standard_normal((6, 20)).astype(np.float32)
    labels = rng.integers(20, size=6)
    loss = topkloss.NoisedTopKLoss(3, estimator="exact")
    other = topkloss.NoisedTopKLoss(3, estimator="exact", seed=99)
    values = {loss(logits, labels), loss(logits, labels), loss(logits, labels, step=7)}
    assert values == {other(logits, labels)}
    out, noise = np.full_like(logits, 7), np.zeros((6, 5, 20), np.float32)
    refuses("OPTION", ["noise"], loss.value_and_grad, logits, labels, noise=noise, out=out)
    assert (out == 7).all()

"""Noised top-K on given noise against the reference, and what it does with its own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import reference
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
    long_tail,
)

import topkloss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)

SIZES = [
    *[(1, 2, 1, 1), (3, 3, 2, 4), (4, 7, 1, 5), (4, 15, 3, 5), (4, 16, 5, 1), (4, 17, 16, 3)],
    *[(3, 31, 5, 5), (3, 33, 32, 5), (7, 100, 5, 5), (4, 1000, 20, 7), (1, 100_003, 5, 5)],
]


def given_noise(rng, rows, samples, classes, dtype):
    arithmetic = np.float64 if dtype == FLOAT64 else np.float32
    return rng.standard_normal((rows, samples, classes)).astype(arithmetic)


@dtypes
@pytest.mark.parametrize(("rows", "classes", "k", "samples"), SIZES)
@pytest.mark.parametrize("epsilon", [1.0, 0.1])
def test_balanced(dtype, rows, classes, k, samples, epsilon, rng):
    logits = rng.standard_normal((rows, classes)).astype(dtype)
    labels = rng.integers(classes, size=rows)
    noise = given_noise(rng, rows, samples, classes, dtype)
    expected = reference.noised_topk(logits, labels, noise, k=k, epsilon=epsilon)
    loss = topkloss.NoisedTopKLoss(k, epsilon, n_samples=samples)
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)
    assert loss(logits, labels, noise=noise) == value


@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_imbalanced_with_all_options(dtype, reduction, rng):
    rows, classes, k, samples = 23, 40, 3, 5
    counts = long_tail(classes, rng)
    logits = rng.uniform(-1, 1, (rows, classes)).astype(dtype)
    labels = rng.integers(classes, size=rows)
    labels[::5] = -1
    noise = given_noise(rng, rows, samples, classes, dtype)
    sample_weight = rng.uniform(0, 2, rows)
    expected = reference.noised_topk(
        logits,
        labels,
        noise,
        k=k,
        epsilon=0.2,
        margin=reference.margins(counts + 0.5, 0.4),
        scale=40.0,
        sample_weight=sample_weight,
        reduction=reduction,
        ignore_index=-1,
    )
    loss = topkloss.NoisedTopKLoss(
        k,
        0.2,
        class_counts=counts,
        max_margin=0.4,
        scale=40,
        count_smoothing=0.5,
        reduction=reduction,
        ignore_index=-1,
    )
    value, gradient = loss.value_and_grad(logits, labels, sample_weight=sample_weight, noise=noise)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


def test_max_margin_is_half_by_default(rng):
    counts, logits = long_tail(9, rng), rng.standard_normal((3, 9))
    half = topkloss.NoisedTopKLoss(2, class_counts=counts, max_margin=0.5)
    default = topkloss.NoisedTopKLoss(2, class_counts=counts)
    assert default(logits, [0, 1, 2], step=3) == half(logits, [0, 1, 2], step=3)


@dtypes
@pytest.mark.parametrize("k", [1, 3, 20])
def test_no_noise_gives_the_plain_hinge(dtype, k, rng):
    """Noise of size 0, and ties: the lowest index among equals holds the rank."""
    logits = rng.integers(-3, 4, (50, 21)).astype(dtype)
    labels = rng.integers(21, size=50)
    exact = logits.astype(np.float64)
    statistic = np.sort(exact, axis=1)[:, -1 - k]
    holders = np.argmax(exact == statistic[:, None], axis=1)
    rows = np.arange(50)
    hinge = 1 + statistic - exact[rows, labels]
    expected = np.zeros((50, 21))
    expected[rows, holders] += hinge > 0
    expected[rows, labels] -= hinge > 0

    loss = topkloss.NoisedTopKLoss(k, 0.0, reduction="none")
    values, gradient = loss.value_and_grad(logits, labels)

    np.testing.assert_array_equal(values.astype(float), np.maximum(hinge, 0))
    np.testing.assert_allclose(gradient.astype(float), expected, atol=1e-6)


def test_central_differences(rng):
    rows, classes = 4, 9
    logits = rng.standard_normal((rows, classes))
    labels = rng.integers(classes, size=rows)
    loss = topkloss.NoisedTopKLoss(2, 0.5, margin=2.0, n_samples=7, scale=1.5)
    noise = rng.standard_normal((rows, 7, classes))
    _, gradient = loss.value_and_grad(logits, labels, noise=noise)
    step = 1e-7  # the loss is linear between ties, which are farther apart than this
    for index in np.ndindex(rows, classes):
        higher, lower = logits.copy(), logits.copy()
        higher[index] += step
        lower[index] -= step
        slope = (loss(higher, labels, noise=noise) - loss(lower, labels, noise=noise)) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


@dtypes
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_bad_logits_poison_their_own_row_only(dtype, poison, rng):
    logits = rng.standard_normal((5, 41)).astype(dtype)
    labels = rng.integers(41, size=5)
    loss = topkloss.NoisedTopKLoss(3, reduction="none")
    clean_values, clean_gradient = loss.value_and_grad(logits, labels, step=1)
    for column in (0, 17, 40):
        poisoned = logits.copy()
        poisoned[2, column] = poison
        values, gradient = loss.value_and_grad(poisoned, labels, step=1)
        assert np.isnan(values[2].astype(np.float64))
        assert np.isnan(gradient[2].astype(np.float64)).all()
        others = [0, 1, 3, 4]
        assert values[others].tobytes() == clean_values[others].tobytes()
        assert gradient[others].tobytes() == clean_gradient[others].tobytes()


def test_bad_noise_poisons_its_own_row_only(rng):
    logits = rng.standard_normal((3, 41)).astype(np.float32)
    noise = rng.standard_normal((3, 5, 41)).astype(np.float32)
    loss = topkloss.NoisedTopKLoss(3, reduction="none")
    clean = loss.value_and_grad(logits, [0, 1, 2], noise=noise)
    noise[1, 4, 40] = np.nan
    values, gradient = loss.value_and_grad(logits, [0, 1, 2], noise=noise)
    assert np.isnan(values[1])
    assert np.isnan(gradient[1]).all()
    assert values[[0, 2]].tobytes() == clean[0][[0, 2]].tobytes()
    assert gradient[[0, 2]].tobytes() == clean[1][[0, 2]].tobytes()


@dtypes
def test_masked_classes_rank_last(dtype, rng):
    """With many classes masked, the same as without them."""
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


def test_every_row_ignored(rng):
    value, gradient = topkloss.NoisedTopKLoss(2).value_and_grad(
        rng.standard_normal((3, 8)), np.full(3, -100)
    )
    assert value == 0
    assert not gradient.any()


@dtypes
@pytest.mark.parametrize("classes", [6, 16, 33, 1000])
def test_in_place_gives_the_same_bits(dtype, classes, rng):
    logits = rng.standard_normal((5, classes)).astype(dtype)
    labels = rng.integers(classes, size=5)
    loss = topkloss.NoisedTopKLoss(5)
    value, gradient = loss.value_and_grad(logits, labels, step=9)
    same_value, same = loss.value_and_grad(logits, labels, step=9, out=logits)
    assert same is logits
    assert same_value == value
    assert bits(same) == bits(gradient)


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
    shared = np.broadcast_to(noise[:1], noise.shape)
    assert value(shared) == value(shared.copy())
    shared = np.broadcast_to(noise[:, :1], noise.shape)
    assert value(shared) == value(shared.copy())


def test_own_noise_is_the_standard_normal_of_seed_and_step(rng):
    logits = rng.standard_normal((6, 50)).astype(np.float32)
    labels = rng.integers(50, size=6)
    loss = topkloss.NoisedTopKLoss(5, 0.8, n_samples=4, seed=77)
    own_value, own_gradient = loss.value_and_grad(logits, labels, step=12)
    noise = topkloss.standard_normal(77, 12, 0, 6, 4, 50)
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    assert own_value == value
    assert bits(own_gradient) == bits(gradient)


def test_own_noise_for_float64_is_the_float32_noise_widened(rng):
    logits = rng.standard_normal((6, 50))
    labels = rng.integers(50, size=6)
    loss = topkloss.NoisedTopKLoss(5, n_samples=4, seed=77)
    noise = topkloss.standard_normal(77, 12, 0, 6, 4, 50)
    own = loss.value_and_grad(logits, labels, step=12)
    given = loss.value_and_grad(logits, labels, noise=noise)
    assert own[0] == given[0]
    assert bits(own[1]) == bits(given[1])


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


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_go_on_from_the_same_step(duplicate, rng):
    logits = rng.standard_normal((6, 50))
    labels = rng.integers(50, size=6)
    loss = topkloss.NoisedTopKLoss(5, seed=3)
    for _ in range(3):
        loss(logits, labels)
    twin = duplicate(loss)
    assert twin(logits, labels) == topkloss.NoisedTopKLoss(5, seed=3)(logits, labels, step=3)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize(
    ("level", "epsilon"),
    [(0, 1e-300), (0, 1e-41), (0, 1e-39), (0, 1e-38), (1000, 1e-5), (1000, 2e-5), (20, 3e-7)],
)
def test_noise_that_is_not_drawn_would_not_have_mattered(dtype, level, epsilon):
    """Where scores and noise differ by roundings, and where 1 / epsilon is beyond numbers."""
    logits = np.full((3, 2000), level, dtype)
    logits[:, -16:] = np.nextafter(np.asarray(level, dtype), dtype.type(np.inf))
    labels = np.zeros(3, int)
    loss = topkloss.NoisedTopKLoss(5, epsilon, reduction="sum", seed=3)
    noise = topkloss.standard_normal(3, 0, 0, 3, 5, 2000).astype(dtype)
    value, gradient = loss.value_and_grad(logits, labels, step=0)
    expected, expected_gradient = loss.value_and_grad(logits, labels, noise=noise)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)

"""The two-head average-K loss against a reference that sorts the batch's probabilities."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference_average_k
from pairwise import pairwise
from scipy.special import softmax
from support import DTYPES, FLOAT64, assert_gradient, assert_value, bits, default_threads

import topkloss
from topkloss import ThresholdState, TwoHeadAverageKLoss

__all__ = ["default_threads"]

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def heads(rng, shape, dtype, k):
    """Both heads' logits, with no two probabilities near the threshold, and labels."""
    while True:
        logits = (2 * rng.standard_normal(shape)).astype(dtype)
        ranked = np.sort(softmax(logits.astype(np.float64), axis=1).ravel())[::-1]
        last = round(shape[0] * k)
        if last in (0, logits.size) or ranked[last - 1] > ranked[last] * (1 + 1e-4):
            break
    second = (2 * rng.standard_normal(shape)).astype(dtype)
    return logits, second, rng.integers(shape[1], size=shape[0])


def assert_same(found, expected, dtype):
    value, (gradient, second) = found
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)
    assert_gradient(second, expected[2], dtype)


@pairwise(
    dtype=DTYPES,
    shape=((1, 2), (3, 3), (4, 7), (5, 16), (4, 33), (7, 100), (3, 1000)),
    k=(0.1, 1.0, 1.5, 2.3),
)
def test_values_gradients_and_thresholds(dtype, shape, k, rng):
    if k > shape[1]:
        k = 1.9
    logits, second, labels = heads(rng, shape, dtype, k)
    state = ThresholdState()
    found = TwoHeadAverageKLoss(k).value_and_grad(logits, second, labels, threshold=state)
    expected = reference_average_k.two_head(logits, second, labels, k=k)
    assert_same(found, expected, dtype)
    assert state.value == pytest.approx(expected[3], rel=1e-12 if dtype == FLOAT64 else 3e-6)


@dtypes
def test_ties_on_any_number_of_threads(dtype):
    rng = np.random.default_rng(7)
    logits = rng.integers(-4, 5, (97, 1001)).astype(dtype)
    second = rng.standard_normal((97, 1001)).astype(dtype)
    labels = rng.integers(1001, size=97)
    answers = set()
    for threads in (1, 2, 3):
        topkloss.set_num_threads(threads)
        value, gradients = TwoHeadAverageKLoss(4.5).value_and_grad(logits, second, labels)
        answers.add((value, *map(bits, gradients)))
    assert len(answers) == 1


@dtypes
def test_candidates_without_weight_may_be_masked(dtype, rng):
    """A class that weighs nothing costs nothing, not 0 times infinity."""
    logits, second, labels = heads(rng, (8, 9), dtype, 2)
    logits[np.arange(8), (labels + 1) % 9] = -np.inf
    second[np.arange(8), (labels + 2) % 9] = -np.inf
    options = {"k": 2, "candidate_weight": 0.0, "reduction": "none"}
    expected = reference_average_k.two_head(logits, second, labels, **options)
    keep = np.isfinite(expected[0])
    assert keep.any()
    values, gradients = TwoHeadAverageKLoss(**options).value_and_grad(logits, second, labels)
    assert np.isfinite(values[keep].astype(float)).all()
    for gradient, right in zip(gradients, expected[1:3], strict=True):
        assert_gradient(gradient[keep], right[keep], dtype)


def test_copies_of_a_threshold():
    for duplicate in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        state = duplicate(ThresholdState(0.25))
        assert (type(state), state.value) == (ThresholdState, 0.25)


def test_candidates_are_exactly_so_many_with_ties():
    """Equal probabilities are taken row by row, then by class; halves round to even."""
    logits = np.zeros((5, 4))
    labels = np.full(5, 3)
    for k in (0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.1, 2.5, 3.9):
        loss = TwoHeadAverageKLoss(k, candidate_weight=0.0, class_reduction="sum", reduction="sum")
        _, (_, second) = loss.value_and_grad(logits, np.zeros((5, 4)), labels)
        # Candidates that are not the label have weight 0; negatives have the gradient 1/2.
        candidates = reference_average_k.best_pairs(logits, k)
        assert candidates.sum() == round(5 * k)
        expected = np.where(candidates, 0.0, 0.5)
        expected[:, 3] = -0.5
        np.testing.assert_array_equal(second, expected)


@dtypes
def test_threshold_is_a_moving_average_across_batches(dtype, rng):
    options = {"k": 1.5, "threshold_decay": 0.8}
    loss, state, before = TwoHeadAverageKLoss(**options), ThresholdState(), 0.0
    for _ in range(6):
        logits, second, labels = heads(rng, (4, 20), dtype, 1.5)
        expected = reference_average_k.two_head(logits, second, labels, before=before, **options)
        found = loss.value_and_grad(logits, second, labels, threshold=state)
        assert_same(found, expected, dtype)
        before = expected[3]
        assert state.value == pytest.approx(before, rel=1e-12 if dtype == FLOAT64 else 1e-5)
    # Without a state there is nothing before: each batch has its own threshold.
    alone = TwoHeadAverageKLoss(1.5)(logits, second, labels)
    assert loss(logits, second, labels) == alone


def test_average_of_thresholds_that_comes_to_nothing():
    """Every class is then a candidate, as where the batch before had none."""
    loss = TwoHeadAverageKLoss(2.6, threshold_decay=0.4)
    logits, second = np.array([[0.0, 1.0, 2.0]]), np.array([[0.1, 0.2, 0.3]])
    before, none = ThresholdState(5e-324), ThresholdState()
    found = loss(logits, second, [0], threshold=before)
    assert found == loss(logits, second, [0], threshold=none)
    assert before.value == none.value == 0


def test_a_probability_at_the_moving_threshold_is_a_candidate():
    """The logarithm and the exponential are not each other's inverse to the last bit."""
    loss = TwoHeadAverageKLoss(0.5, candidate_weight=0.0, threshold_decay=0.5, reduction="sum")
    for gap in np.linspace(0.01, 4, 200):
        logits, state = np.tile([gap, 0.0], (3, 1)), ThresholdState()
        for _ in range(3):
            _, (_, second) = loss.value_and_grad(
                logits, np.zeros((3, 2)), np.ones(3, int), threshold=state
            )
        # All rows have the same most probable class, and the threshold is its probability.
        np.testing.assert_array_equal(second[:, 0], np.zeros(3), err_msg=f"{gap}")


def test_without_decay_the_state_is_written_only(rng):
    logits, second, labels = heads(rng, (4, 20), FLOAT64, 1.5)
    fresh, used = ThresholdState(), ThresholdState(0.9)
    loss = TwoHeadAverageKLoss(1.5)
    assert loss(logits, second, labels, threshold=fresh) == loss(
        logits, second, labels, threshold=used
    )
    assert fresh == used


@dtypes
def test_two_heads_of_one_layer(dtype, rng):
    """Halves of the same rows, written over in place."""
    logits, second, labels = heads(rng, (6, 21), dtype, 2)
    loss = TwoHeadAverageKLoss(2)
    value, gradients = loss.value_and_grad(logits, second, labels)
    both = np.concatenate([logits, second], axis=1)
    halves = both[:, :21], both[:, 21:]
    other, _ = loss.value_and_grad(*halves, labels, out=halves[0], multi_label_out=halves[1])
    assert other == value
    assert bits(both) == bits(np.concatenate(gradients, axis=1))


def test_large_batches_need_no_memory_of_their_size():
    """Two heads of 40 MB, with both gradients in place."""
    script = """if True:
        import resource, numpy as np, topkloss
        rng = np.random.default_rng(0)
        z, g = (rng.standard_normal((10_000, 1000), np.float32) for _ in range(2))
        labels = np.zeros(10_000, np.int64)
        loss, state = topkloss.TwoHeadAverageKLoss(2.5), topkloss.ThresholdState()
        loss(z[:100], g[:100], labels[:100])
        p = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        loss.value_and_grad(z, g, labels, out=z, multi_label_out=g, threshold=state)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 8_000, f"{grown} kilobytes"
        assert abs(np.count_nonzero(p > state.value) - 25_000) <= 5  # p is rounded otherwise
    """
    subprocess.run([sys.executable, "-c", script], check=True)

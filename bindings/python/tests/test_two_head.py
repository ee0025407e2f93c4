"""The two-head average-K loss against a reference that sorts the batch's probabilities."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference_average_k
from scipy.special import softmax
from support import DTYPES, FLOAT32, FLOAT64, assert_gradient, assert_value, bits
from test_arrays import LAYOUTS, with_strides

import topkloss
from topkloss import ThresholdState, TwoHeadAverageKLoss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.fixture(autouse=True)
def default_threads():
    yield
    topkloss.set_num_threads(0)


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


@dtypes
@pytest.mark.parametrize("shape", [(1, 2), (3, 3), (4, 7), (5, 16), (4, 33), (7, 100), (3, 1000)])
@pytest.mark.parametrize("k", [0.1, 1.0, 1.5])
def test_values_and_gradients(dtype, shape, k, rng):
    logits, second, labels = heads(rng, shape, dtype, k)
    before = bits(logits), bits(second)
    loss = TwoHeadAverageKLoss(k)
    state = ThresholdState()
    found = loss.value_and_grad(logits, second, labels, threshold=state)
    expected = reference_average_k.two_head(logits, second, labels, k=k)
    assert_same(found, expected, dtype)
    assert state.value == pytest.approx(expected[3], rel=1e-12 if dtype == FLOAT64 else 3e-6)
    assert loss(logits, second, labels) == found[0]
    assert (bits(logits), bits(second)) == before


@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("class_reduction", ["sum", "mean"])
def test_all_options_together(dtype, reduction, class_reduction, rng):
    logits, second, labels = heads(rng, (23, 37), dtype, 3.3)
    used = labels.copy()
    used[5] = -1
    options = {
        "k": 3.3,
        "candidate_weight": 0.4,
        "multi_label_weight": 1.7,
        "class_reduction": class_reduction,
        "reduction": reduction,
        "ignore_index": -1,
    }
    weights = rng.uniform(0, 2, 23)
    expected = reference_average_k.two_head(logits, second, used, sample_weight=weights, **options)
    loss = TwoHeadAverageKLoss(**options)
    found = loss.value_and_grad(logits, second, used, sample_weight=weights)
    assert_same(found, expected, dtype)
    assert not found[1][0][5].astype(float).any()
    assert not found[1][1][5].astype(float).any()


def test_candidates_are_exactly_so_many_with_ties():
    """Equal probabilities are taken row by row, then by class; halves round to even."""
    logits = np.zeros((5, 4))
    labels = np.full(5, 3)
    for k in (0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.1, 2.5, 3.9):
        loss = TwoHeadAverageKLoss(k, candidate_weight=0.0, reduction="sum")
        _, (_, second) = loss.value_and_grad(logits, np.zeros((5, 4)), labels)
        # Candidates that are not the label have weight 0; negatives have the gradient 1/2.
        candidates = reference_average_k.best_pairs(logits, k)
        assert candidates.sum() == round(5 * k)
        expected = np.where(candidates, 0.0, 0.5)
        expected[:, 3] = -0.5
        np.testing.assert_array_equal(second, expected)


def test_central_differences(rng):
    logits, second, labels = heads(rng, (4, 6), FLOAT64, 1.5)
    weights = rng.uniform(0.5, 2, 4)
    loss = TwoHeadAverageKLoss(1.5, candidate_weight=0.5, multi_label_weight=2.0)
    _, gradients = loss.value_and_grad(logits, second, labels, sample_weight=weights)
    for head, gradient in enumerate(gradients):
        for index in np.ndindex(4, 6):
            values = []
            for step in (1e-5, -1e-5):
                moved = [logits.copy(), second.copy()]
                moved[head][index] += step
                values.append(loss(*moved, labels, sample_weight=weights))
            slope = (values[0] - values[1]) / 2e-5
            assert gradient[index] == pytest.approx(slope, abs=1e-7)


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


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies(duplicate):
    state = duplicate(ThresholdState(0.25))
    assert (type(state), state.value) == (ThresholdState, 0.25)
    loss = duplicate(TwoHeadAverageKLoss(1.5, class_reduction="mean"))
    assert repr(loss) == "TwoHeadAverageKLoss(k=1.5, class_reduction='mean')"
    with pytest.raises(AttributeError, match="immutable"):
        loss.k = 2


@dtypes
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_in_place_give_the_same_bits(dtype, layout, rng):
    logits, second, labels = heads(rng, (6, 21), dtype, 2)
    loss = TwoHeadAverageKLoss(2)
    value, gradients = loss.value_and_grad(logits, second, labels)
    inputs = [with_strides(head, layout) for head in (logits, second)]
    outputs = [with_strides(np.zeros_like(head), layout) for head in (logits, second)]
    for targets in (outputs, inputs):
        other, same = loss.value_and_grad(
            *inputs, labels.astype(np.int32), out=targets[0], multi_label_out=targets[1]
        )
        assert other == value
        for target, found, gradient in zip(targets, same, gradients, strict=True):
            assert found is target
            assert bits(target) == bits(gradient)


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


@dtypes
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_same_bits_with_any_number_of_threads(dtype, reduction):
    rng = np.random.default_rng(7)
    logits = rng.integers(-4, 5, (97, 1001)).astype(dtype)  # with many ties
    second = rng.standard_normal((97, 1001)).astype(dtype)
    labels = rng.integers(1001, size=97)
    loss = TwoHeadAverageKLoss(4.5, reduction=reduction)
    answers = set()
    for threads in (1, 2, 3, 8):
        topkloss.set_num_threads(threads)
        value, gradients = loss.value_and_grad(logits, second, labels)
        answers.add((bits(np.asarray(value)), *map(bits, gradients)))
    assert len(answers) == 1


@dtypes
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("head", [0, 1])
def test_bad_logits_poison_their_own_row_only(dtype, poison, head, rng):
    logits, second, labels = heads(rng, (5, 41), dtype, 2)
    others = [0, 1, 3, 4]
    loss = TwoHeadAverageKLoss(2, reduction="none")
    clean = loss.value_and_grad(logits[others], second[others], labels[others])
    (logits, second)[head][2, 17] = poison
    values, gradients = loss.value_and_grad(logits, second, labels)
    assert np.isnan(values[2].astype(float))
    assert bits(values[others]) == bits(clean[0])
    for gradient, expected in zip(gradients, clean[1], strict=True):
        assert np.isnan(gradient[2].astype(float)).all()
        assert bits(gradient[others]) == bits(expected)


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


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_huge_logits(dtype, rng):
    logits = (1e4 * rng.choice([-1.0, 0.0, 1.0], (9, 5))).astype(dtype)
    logits += rng.uniform(0, 0.5, (9, 5)).astype(dtype)
    second = (1e4 * rng.choice([-1.0, 0.0, 1.0], (9, 5))).astype(dtype)
    labels = rng.integers(5, size=9)
    expected = reference_average_k.two_head(logits, second, labels, k=1, reduction="none")
    found = TwoHeadAverageKLoss(1, reduction="none").value_and_grad(logits, second, labels)
    assert np.isfinite(found[0]).all()
    assert_same(found, expected, dtype)


@dtypes
def test_masked_classes(dtype, rng):
    logits, second, labels = heads(rng, (8, 9), dtype, 2)
    logits[np.arange(8), (labels + 1) % 9] = -np.inf
    second[np.arange(8), (labels + 2) % 9] = -np.inf
    loss = TwoHeadAverageKLoss(2, candidate_weight=0.0, reduction="none")
    expected = reference_average_k.two_head(
        logits, second, labels, k=2, candidate_weight=0.0, reduction="none"
    )
    keep = np.isfinite(expected[0])
    assert keep.any()
    values, gradients = loss.value_and_grad(logits, second, labels)
    assert np.isfinite(values[keep].astype(float)).all()
    for gradient, right in zip(gradients, expected[1:3], strict=True):
        assert_gradient(gradient[keep], right[keep], dtype)


def test_every_row_ignored_and_no_rows(rng):
    logits, second, _ = heads(rng, (3, 8), FLOAT32, 2)
    value, gradients = TwoHeadAverageKLoss(2).value_and_grad(logits, second, np.full(3, -100))
    assert value == 0
    assert not any(gradient.any() for gradient in gradients)
    value, gradients = TwoHeadAverageKLoss(2).value_and_grad(
        logits[:0], second[:0], np.empty(0, int)
    )
    assert value == 0
    assert gradients[0].shape == gradients[1].shape == (0, 8)

"""Mean squared error with outlying label: its teacher, its predictions, its edges."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from pairwise import pairwise
from support import DTYPES, assert_gradient, assert_value, bits, long_tail

import topkloss
from topkloss import TopKLossError

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=12), alpha=st.floats(1e-3, 1e3))
def test_teacher_is_the_rank_by_decreasing_count(counts, alpha):
    loss = topkloss.OutlyingMSELoss(counts, alpha)
    np.testing.assert_array_equal(loss.teacher, reference.outlying_teacher(counts, alpha))
    assert loss.teacher.dtype == np.float64


def test_teacher_by_hand():
    loss = topkloss.OutlyingMSELoss([5, 100, 5, 70], alpha=0.5)
    np.testing.assert_array_equal(loss.teacher, [1.5, 0.5, 2.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        loss.teacher[0] = 1


@given(
    counts=st.lists(st.integers(1, 10_000), min_size=1, max_size=12),
    alpha=st.floats(1e-3, 1e3),
    power=st.floats(0, 3),
)
def test_teacher_by_a_power_of_the_counts(counts, alpha, power):
    loss = topkloss.OutlyingMSELoss(counts, alpha, teacher="power", power=power)
    expected = [alpha * (max(counts) / n) ** power for n in counts]
    np.testing.assert_allclose(loss.teacher, expected, rtol=1e-14)


def test_teachers_by_name():
    named = topkloss.OutlyingMSELoss([100, 25, 4], teacher="power")
    np.testing.assert_array_equal(named.teacher, [1, 2, 5])
    assert repr(named) == "OutlyingMSELoss(class_counts=<3 classes>, teacher='power')"
    rank = topkloss.OutlyingMSELoss([100, 25, 4], teacher="rank")
    assert repr(rank) == "OutlyingMSELoss(class_counts=<3 classes>)"
    with pytest.raises(TopKLossError, match="class_counts is None"):
        topkloss.OutlyingMSELoss(teacher="power")
    # No teacher may be beyond 1e15.
    with pytest.raises(TopKLossError, match=r"teacher under power is 1e\+18"):
        topkloss.OutlyingMSELoss([100, 1], teacher="power", power=9)


def test_count_smoothing_allows_counts_of_0():
    with pytest.raises(TopKLossError, match="2"):
        topkloss.OutlyingMSELoss([3, 1, 0])
    loss = topkloss.OutlyingMSELoss([3, 1, 0], count_smoothing=0.5)
    np.testing.assert_array_equal(loss.teacher, [1, 2, 3])


@dtypes
def test_a_teacher_of_the_callers(dtype, rng):
    teacher = rng.standard_normal(9)
    logits = rng.standard_normal((6, 9)).astype(dtype)
    labels = rng.integers(9, size=6)
    rows = [
        reference.outlying_mse_row(z, int(y), teacher=teacher)
        for z, y in zip(logits, labels, strict=True)
    ]
    expected = reference.reduced(rows, labels)
    counts = long_tail(9, rng)
    for loss in (
        topkloss.OutlyingMSELoss(teacher=teacher),
        topkloss.OutlyingMSELoss(counts, teacher=teacher),  # which are not looked at
        topkloss.OutlyingMSELoss([0] * 9, teacher=teacher),
    ):
        assert bits(loss.teacher) == bits(teacher)
        value, gradient = loss.value_and_grad(logits, labels)
        assert_value(value, expected[0], dtype)
        assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_keep_the_teacher(duplicate):
    for loss in (
        topkloss.OutlyingMSELoss([1, 2, 3], 0.1),
        topkloss.OutlyingMSELoss(teacher=[4, 5, 6]),
        topkloss.OutlyingMSELoss([1, 2, 3], teacher="power", power=2),
    ):
        twin = duplicate(loss)
        assert bits(twin.teacher) == bits(loss.teacher)
        assert repr(twin) == repr(loss)


def test_text():
    loss = topkloss.OutlyingMSELoss([1, 2, 3], 0.5)
    assert repr(loss) == "OutlyingMSELoss(class_counts=<3 classes>, alpha=0.5)"
    assert repr(topkloss.OutlyingMSELoss(teacher=[1])) == "OutlyingMSELoss(teacher=<1 classes>)"


@pairwise(dtype=DTYPES, classes=(1, 2, 7, 16, 33, 1000))
def test_predictions(dtype, classes, rng):
    counts = long_tail(classes, rng)
    loss = topkloss.OutlyingMSELoss(counts, 0.1)
    logits = (3 * rng.standard_normal((40, classes))).astype(dtype)
    exact = logits.astype(np.float64)
    found = loss.predict(logits)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.argmax(exact, axis=1))
    nearest = loss.teacher * (2 * exact - loss.teacher)
    predicted = loss.predict(logits, rule="nearest")
    # The best but for the rounding of float32.
    best = nearest[np.arange(40), predicted]
    assert (best >= nearest.max(axis=1) * (1 - 1e-6 * np.sign(nearest.max(axis=1)))).all()


@given(
    rows=st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf, np.inf, np.nan]), min_size=4, max_size=4),
        max_size=5,
    )
)
def test_predictions_of_ties_and_special_values(rows):
    """NaN ranks below everything; of equal scores the lowest index wins."""
    logits = np.array(rows).reshape(-1, 4)
    loss = topkloss.OutlyingMSELoss([4, 3, 2, 1])
    expected = [
        max(range(4), key=lambda j, z=z: (not np.isnan(z[j]), 0 if np.isnan(z[j]) else z[j], -j))
        for z in logits
    ]
    np.testing.assert_array_equal(loss.predict(logits), expected)


def test_nearest_is_the_nearest_teacher_vector(rng):
    loss = topkloss.OutlyingMSELoss([50, 20, 5], 0.7)
    logits = 2 * rng.standard_normal((200, 3))
    vectors = np.diag(loss.teacher)
    distance = ((logits[:, None] - vectors) ** 2).sum(axis=2)
    np.testing.assert_array_equal(loss.predict(logits, "nearest"), distance.argmin(axis=1))


def test_predictions_of_strided_rows(rng):
    loss = topkloss.OutlyingMSELoss(long_tail(12, rng))
    logits = rng.standard_normal((20, 12)).astype(np.float32)
    for rule in ("argmax", "nearest"):
        expected = loss.predict(logits, rule)
        np.testing.assert_array_equal(loss.predict(logits[::-1], rule), expected[::-1])
        np.testing.assert_array_equal(loss.predict(np.asfortranarray(logits), rule), expected)
    assert loss.predict(np.empty((0, 12))).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        ((np.zeros((2, 4)),), "SIZE", "classes"),
        ((np.zeros(()),), "SIZE", "logits has shape ()"),
        ((np.zeros((2, 3), int),), "ENUMERATOR", "logits has dtype"),
        ((np.zeros((2, 3)), "best"), "ENUMERATOR", "rule is 'best'"),
        ((np.zeros((2, 3)), 0), "ENUMERATOR", "rule is 0"),
    ],
)
def test_bad_arguments_of_predict(arguments, status, word):
    with pytest.raises(TopKLossError) as caught:
        topkloss.OutlyingMSELoss([3, 2, 1]).predict(*arguments)
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    assert word in str(caught.value)

"""Top-K accuracy."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from support import DTYPES, SHAPES

from topkloss import TopKLossError
from topkloss.metrics import topk_accuracy

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
averages = pytest.mark.parametrize("average", ["micro", "macro"])


@dtypes
@averages
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[1] <= 1000], ids=str)
@pytest.mark.parametrize("k", [1, 3, 2000])
def test_values(dtype, average, shape, k, rng):
    scores = rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(shape[1], size=shape[0])
    expected = reference.topk_accuracy(scores, labels, k, average)
    assert topk_accuracy(scores, labels, k, average) == pytest.approx(expected, rel=1e-15)


@given(
    rows=st.lists(
        st.tuples(
            st.lists(
                st.sampled_from([0.0, 1.0, 2.0, -np.inf, np.inf, np.nan]), min_size=5, max_size=5
            ),
            st.sampled_from([-100, 0, 1, 2, 3, 4]),
        ),
        min_size=1,
        max_size=8,
    ),
    k=st.integers(1, 6),
    average=st.sampled_from(["micro", "macro"]),
)
def test_ties_and_special_values(rows, k, average):
    scores = np.array([row for row, _ in rows])
    labels = np.array([label for _, label in rows])
    expected = reference.topk_accuracy(scores, labels, k, average)
    assert topk_accuracy(scores, labels, k, average) == pytest.approx(expected, rel=1e-15)


def test_by_hand():
    scores = [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [0.0, 5.0, 1.0]]
    labels = [0, 0, 1, 2]
    assert topk_accuracy(scores, labels) == 0.25
    assert topk_accuracy(scores, labels, 2) == 0.75
    assert topk_accuracy(scores, labels, 3) == 1
    assert topk_accuracy(scores, labels, 2, "macro") == pytest.approx((0.5 + 1 + 1) / 3)
    assert topk_accuracy(scores, labels, 2, ignore_index=2) == pytest.approx(2 / 3)


def test_strided_scores(rng):
    scores = rng.standard_normal((20, 12))
    labels = rng.integers(12, size=20)
    expected = topk_accuracy(scores, labels, 3)
    assert topk_accuracy(np.asfortranarray(scores), labels, 3) == expected
    assert topk_accuracy(scores[::-1], labels[::-1], 3) == pytest.approx(expected)


def test_no_rows_that_count():
    assert topk_accuracy(np.zeros((2, 3)), [-100, -100]) == 0
    assert topk_accuracy(np.zeros((0, 3)), np.zeros(0, int)) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((2, 3)), [0, 3]), "label.*3"),
        ((np.zeros((2, 3)), [0, -1]), "label.*-1"),
        ((np.zeros((2, 3)), [0]), r"labels has shape \(1,\)"),
        ((np.zeros((2, 3)), [0.0, 1.0]), "class indices must be integers"),
        ((np.zeros(3), [0]), r"scores has shape \(3,\)"),
        ((np.zeros((2, 3)), [0, 1], 0), "k"),
        ((np.zeros((2, 3)), [0, 1], 2.5), "k is 2.5"),
        ((np.zeros((2, 3)), [0, 1], 2**64 + 1), "k is 18446744073709551617"),
        ((np.zeros((2, 3)), [0, 1], 1, "median"), "average is 'median'"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(TopKLossError, match=words):
        topk_accuracy(*arguments)

"""Thresholds that keep an exact number of scores, the sets that they make, and their accuracy."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference_average_k
from hypothesis import given
from hypothesis import strategies as st
from pairwise import pairwise
from scipy.sparse import csr_array
from support import DTYPES, default_threads

import topkloss
from topkloss import TopKLossError
from topkloss.metrics import average_k_accuracy, average_set_size
from topkloss.posthoc import Threshold, average_k_threshold, predict_sets

__all__ = ["default_threads"]

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SPECIAL = [0.0, 1.0, 2.0, -0.0, -1.0, np.inf, -np.inf, np.nan]
score_rows = st.lists(
    st.lists(st.sampled_from(SPECIAL), min_size=4, max_size=4), min_size=1, max_size=9
)


def dense(indptr, indices, shape):
    """The sets as a matrix of truth values."""
    assert indptr.dtype == indices.dtype == np.int64
    assert (indptr[0], indptr[-1]) == (0, len(indices))
    assert all((np.diff(indices[a:b]) > 0).all() for a, b in itertools.pairwise(indptr))
    sets = csr_array((np.ones(len(indices), bool), indices, indptr), shape=shape)
    return sets.toarray()


@pairwise(
    dtype=DTYPES, shape=((1, 2), (2, 3), (5, 17), (40, 33), (7, 1000)), k=(0.01, 0.5, 1.0, 1.37)
)
def test_exactly_so_many_pairs(dtype, shape, k, rng):
    for scores in (
        rng.standard_normal(shape).astype(dtype),
        rng.integers(-2, 3, shape).astype(dtype),  # many ties
        np.zeros(shape, dtype),
        (1e-3 * rng.standard_normal(shape)).astype(dtype),
    ):
        threshold = average_k_threshold(scores, k)
        found = dense(*predict_sets(scores, threshold), shape)
        assert found.sum() == round(shape[0] * k)
        np.testing.assert_array_equal(found, reference_average_k.best_pairs(scores, k))
        expected = reference_average_k.threshold(scores, k)
        assert threshold == pytest.approx(expected, rel=1e-12)


@given(rows=score_rows, k=st.floats(0.01, 3.99))
def test_ties_and_special_values(rows, k):
    scores = np.array(rows)
    threshold = average_k_threshold(scores, k)
    found = dense(*predict_sets(scores, threshold), scores.shape)
    np.testing.assert_array_equal(found, reference_average_k.best_pairs(scores, k))


def test_halves_round_to_even():
    scores = np.arange(5 * 4, dtype=float).reshape(5, 4)
    for k, kept in [(0.1, 0), (0.3, 2), (0.5, 2), (0.7, 4), (2.5, 12), (0.9, 4), (1.1, 6)]:
        assert round(5 * k) == kept
        assert len(predict_sets(scores, average_k_threshold(scores, k))[1]) == kept


def test_nothing_and_everything_kept():
    scores = np.ones((1, 8))
    threshold = average_k_threshold(scores, 0.2)
    assert threshold == np.inf
    assert len(predict_sets(scores, threshold)[1]) == 0
    threshold = average_k_threshold(scores, 7.9)
    assert threshold == -np.inf
    assert len(predict_sets(scores, threshold)[1]) == 8
    assert average_k_threshold(np.empty((0, 8)), 3) == np.inf


@pytest.mark.parametrize("kept", [1, 50, 500, 999])
def test_kept_next_to_what_is_not(kept):
    """The midpoint of the last that is kept and the first that is not."""
    scores = np.random.default_rng(kept).permutation(1000).reshape(10, 100).astype(np.float32)
    assert average_k_threshold(scores, kept / 10) == 999 - kept + 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_scores_have_a_midpoint(dtype):
    largest = np.finfo(dtype).max
    scores = np.array([[largest, largest / 2, 0, -largest]], dtype)
    for k in (1, 2, 3):
        threshold = average_k_threshold(scores, k)
        assert np.isfinite(threshold)
        assert len(predict_sets(scores, threshold)[1]) == k


def test_neighbours_are_told_apart():
    """Scores that differ in their last bit only."""
    for dtype in (np.float32, np.float64):
        low = dtype(1)
        high = np.nextafter(low, dtype(2))
        scores = np.full((4, 50), low)
        scores[::2, 7] = high
        threshold = average_k_threshold(scores, 0.5)
        indptr, indices = predict_sets(scores, threshold)
        assert indices.tolist() == [7, 7]
        assert np.diff(indptr).tolist() == [1, 0, 1, 0]


@dtypes
def test_same_answer_for_any_layout_and_number_of_threads(dtype, rng):
    scores = rng.integers(-40, 41, (301, 257)).astype(dtype)
    expected = average_k_threshold(scores, 3.3)
    labels = rng.integers(257, size=301)
    accuracy = average_k_accuracy(scores, labels, 3.3)
    for threads in (1, 2, 3, 8):
        topkloss.set_num_threads(threads)
        for other in (np.asfortranarray(scores), scores[::-1][::-1], scores):
            found = average_k_threshold(other, 3.3)
            assert (found, found.ties) == (expected, expected.ties)
            assert average_k_accuracy(other, labels, 3.3) == accuracy


def test_twenty_million_scores_without_a_second_copy():
    """80 MB of scores; what is found by counting needs next to nothing besides."""
    script = """if True:
        import resource, numpy as np, topkloss
        scores = np.empty((20_000, 1000), np.float32)
        np.random.default_rng(0).standard_normal(out=scores, dtype=np.float32)
        labels = np.zeros(20_000, np.int64)
        topkloss.posthoc.average_k_threshold(scores[:100], 2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        threshold = topkloss.posthoc.average_k_threshold(scores, 2.5)
        accuracy = topkloss.metrics.average_k_accuracy(scores, labels, 2.5)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 8_000, f"{grown} kilobytes"
        above, equal = np.count_nonzero(scores > threshold), np.count_nonzero(scores == threshold)
        assert above + (equal if threshold.ties < 0 else threshold.ties) == 50_000
        assert accuracy == np.mean(scores[:, 0] > threshold)
    """
    subprocess.run([sys.executable, "-c", script], check=True)


# A threshold as an object


def test_a_threshold_is_a_float():
    threshold = average_k_threshold(np.zeros((3, 4)), 2)
    assert isinstance(threshold, float)
    assert (threshold, threshold.ties) == (0.0, 6)
    assert repr(threshold) == "Threshold(0.0, ties=6)"
    assert threshold + 1 == 1
    assert Threshold(0.5).ties == -1


def test_copies_of_a_threshold_keep_its_ties():
    threshold = Threshold(0.5, 7)
    twins = [copy.copy(threshold), copy.deepcopy(threshold)]
    twins += [pickle.loads(pickle.dumps(threshold, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in twins:
        assert (type(twin), twin, twin.ties) == (Threshold, 0.5, 7)


# Sets


@given(rows=score_rows, threshold=st.sampled_from([0.0, 0.5, 1.0, -5.0, 9.0, np.inf, -np.inf]))
def test_a_plain_number_keeps_what_is_at_or_above_it(rows, threshold):
    scores = np.array(rows)
    expected = scores >= threshold
    found = dense(*predict_sets(scores, threshold), scores.shape)
    np.testing.assert_array_equal(found, expected)
    # Never empty: the best class of rows without any, but of those of NaN alone.
    best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    for i, row in enumerate(scores):
        if not expected[i].any() and not np.isnan(row).all():
            first = best[i] if not np.isnan(row[best[i]]) else np.flatnonzero(~np.isnan(row))[0]
            expected[i, first] = True
    found = dense(*predict_sets(scores, threshold, never_empty=True), scores.shape)
    np.testing.assert_array_equal(found, expected)


@pairwise(dtype=DTYPES, ties=(0, 1, 5, 7, 100))
def test_ties_are_kept_row_by_row_and_then_by_class(dtype, ties, rng):
    scores = rng.integers(0, 3, (6, 9)).astype(dtype)
    equal = np.flatnonzero(scores.ravel() == 1)
    expected = (scores.ravel() > 1).copy()
    expected[equal[:ties]] = True
    for rows in (scores, np.asfortranarray(scores)):
        found = dense(*predict_sets(rows, Threshold(1.0, ties)), scores.shape)
        np.testing.assert_array_equal(found.ravel(), expected)


def test_ties_and_sets_that_may_not_be_empty():
    """A row that gets its best class does not use up a tie."""
    scores = np.array([[0.0, -1.0], [1.0, 1.0], [1.0, 0.0]])
    indptr, indices = predict_sets(scores, Threshold(1.0, 2), never_empty=True)
    assert indptr.tolist() == [0, 1, 3, 4]
    assert indices.tolist() == [0, 0, 1, 0]


def test_no_rows():
    indptr, indices = predict_sets(np.empty((0, 5)), 0.5)
    assert indptr.tolist() == [0]
    assert indices.shape == (0,)


@pytest.mark.parametrize("k", [0, -1, 3, 3.5, np.nan, np.inf, "2", None])
def test_bad_k(k):
    for call in (
        lambda: average_k_threshold(np.zeros((2, 3)), k),
        lambda: average_k_accuracy(np.zeros((2, 3)), [0, 1], k),
    ):
        with pytest.raises(TopKLossError, match=r"\bk\b") as caught:
            call()
        assert caught.value.status == "TOPKLOSS_ERROR_OPTION"


@pytest.mark.parametrize(
    ("arguments", "options", "status", "word"),
    [
        ((np.zeros(()), 0.5), {}, "SIZE", "scores has shape ()"),
        ((np.zeros((2, 3), int), 0.5), {}, "ENUMERATOR", "scores has dtype int64"),
        ((np.zeros((2, 3)), np.nan), {}, "OPTION", "threshold"),
        ((np.zeros((2, 3)), "high"), {}, "OPTION", "threshold is 'high'"),
        ((np.zeros((2, 3)), None), {}, "OPTION", "threshold is None"),
        ((np.zeros((2, 3)), 0.5), {"never_empty": 1}, "OPTION", "never_empty is 1"),
    ],
)
def test_bad_arguments_of_predict_sets(arguments, options, status, word):
    with pytest.raises(TopKLossError) as caught:
        predict_sets(*arguments, **options)
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    assert word in str(caught.value)


def test_bad_scores_of_a_threshold():
    with pytest.raises(TopKLossError, match=r"scores has shape \(\)"):
        average_k_threshold(np.zeros(()), 1)


def test_bad_parts_of_a_threshold():
    with pytest.raises(TopKLossError, match=r"ties is 1\.5"):
        Threshold(0.5, 1.5)
    with pytest.raises(TopKLossError, match="value is 'high'"):
        Threshold("high")


def test_on_other_rows_scores_at_the_threshold_are_kept():
    """Unless ties among the rows that it was chosen on say otherwise."""
    threshold = average_k_threshold([[0.0, 1.0], [4.0, 5.0]], 1)
    assert (threshold, threshold.ties) == (2.5, -1)
    assert predict_sets([[2.5, 2.0]], threshold)[1].tolist() == [0]
    assert average_k_threshold([[0.0, 1.0], [1.0, 5.0]], 1).ties == 1


@pairwise(dtype=DTYPES, never_empty=(False, True), layout=("C", "F"))
def test_thresholds_by_class(dtype, never_empty, layout, rng):
    """At or above, compared as float64: 0.1 of float32 is above 0.1."""
    scores = np.asarray(rng.integers(-3, 4, (300, 37)) / 10, dtype, order=layout)
    scores[0, :4] = [np.nan, np.inf, -np.inf, -np.inf]
    scores[1] = np.nan
    scores[2] = -1
    thresholds = rng.choice([0.1, 0.2, 0.3, -0.1, float(dtype.type(0.3))], 37)
    thresholds[:4] = [-np.inf, np.inf, -np.inf, np.inf]
    wide = scores.astype(np.float64)
    expected = wide >= thresholds
    assert not expected[2, 4:].any()
    if never_empty:
        for row in np.flatnonzero(~expected.any(axis=1) & ~np.isnan(wide).all(axis=1)):
            expected[row, np.nanargmax(wide[row])] = True
    found = dense(*predict_sets(scores, thresholds, never_empty=never_empty), scores.shape)
    np.testing.assert_array_equal(found, expected)


def test_bad_thresholds_by_class():
    for wrong, words in (
        ([0.1, 0.2], "classes is 3 and the threshold's number of classes is 2"),
        ([0.1, np.nan, 0.2], r"\[1\] is nan"),
        ([[0.1, 0.2, 0.3]], "threshold has shape"),
        (["a", "b", "c"], "threshold has dtype"),
    ):
        for call in (predict_sets, average_set_size):
            with pytest.raises(TopKLossError, match=words.replace("\\", "\\")):
                call(np.zeros((2, 3)), wrong)


# Accuracy


@pairwise(dtype=DTYPES, average=("micro", "macro"), k=(0.3, 1.0, 2.5))
def test_accuracy(dtype, average, k, rng):
    for shape in ((1, 3), (9, 4), (40, 33), (300, 7)):
        scores = rng.integers(-5, 6, shape).astype(dtype)
        labels = rng.integers(shape[1], size=shape[0])
        labels[::7] = -100
        expected = reference_average_k.average_k_accuracy(scores, labels, k, average)
        assert average_k_accuracy(scores, labels, k, average=average) == pytest.approx(
            expected, rel=1e-15
        )


@given(
    rows=score_rows,
    k=st.floats(0.01, 3.99),
    average=st.sampled_from(["micro", "macro"]),
    data=st.data(),
)
def test_accuracy_of_ties_and_special_values(rows, k, average, data):
    scores = np.array(rows)
    labels = np.array([data.draw(st.sampled_from([-1, 0, 1, 2, 3])) for _ in rows])
    expected = reference_average_k.average_k_accuracy(scores, labels, k, average, -1)
    found = average_k_accuracy(scores, labels, k, average=average, ignore_index=-1)
    assert found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((np.zeros((2, 3)), [0, 3], 1), "label.*3"),
        ((np.zeros((2, 3)), [0], 1), r"labels has shape \(1,\)"),
        ((np.zeros(()), [0], 1), r"scores has shape \(\)"),
    ],
)
def test_bad_arguments_of_accuracy(arguments, word):
    with pytest.raises(TopKLossError, match=word):
        average_k_accuracy(*arguments)


@pairwise(average=("micro", "macro"), k=(0.5, 2.0), dtype=DTYPES)
def test_accuracy_of_a_threshold_from_other_rows(average, k, dtype, rng):
    """The honest figure: what is at or above it, whatever its ties."""
    scores = rng.integers(-5, 6, (80, 9)).astype(dtype)
    labels = rng.integers(9, size=80)
    labels[::7] = -100
    threshold = average_k_threshold(scores[:40], k)
    hits = scores[40:].astype(float) >= float(threshold)
    rows = np.flatnonzero(labels[40:] >= 0)
    own = labels[40:][rows]
    right = hits[rows, own]
    if average == "macro":
        expected = np.mean([right[own == c].mean() for c in np.unique(own)])
    else:
        expected = right.mean()
    found = average_k_accuracy(scores[40:], labels[40:], k, threshold=threshold, average=average)
    assert found == pytest.approx(expected, rel=1e-14)


def test_weights_of_accuracy(rng):
    """They weigh hits, and do not change the sets."""
    scores, labels = rng.standard_normal((50, 6)), rng.integers(6, size=50)
    weights = rng.integers(0, 4, 50)
    hits = reference_average_k.best_pairs(scores, 1.5)[np.arange(50), labels]
    found = average_k_accuracy(scores, labels, 1.5, sample_weight=weights)
    assert found == pytest.approx(np.average(hits, weights=weights), rel=1e-14)
    own = [np.average(hits[labels == c], weights=weights[labels == c]) for c in range(6)]
    found = average_k_accuracy(scores, labels, 1.5, average="macro", sample_weight=weights)
    assert found == pytest.approx(np.mean(own), rel=1e-14)

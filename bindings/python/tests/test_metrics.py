"""Top-K accuracy, also by how many training examples a class had."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from pairwise import pairwise
from support import DTYPES, SHAPES, long_tail

from topkloss import TopKLossError
from topkloss.metrics import (
    SetCoverage,
    ShotAccuracy,
    TopKAccuracy,
    average_set_size,
    shot_accuracy,
    topk_accuracy,
)

AVERAGES = ("micro", "macro")


@pairwise(
    dtype=DTYPES,
    average=AVERAGES,
    shape=[shape for shape in SHAPES if shape[1] <= 1000],
    k=(1, 3, 2000),
)
def test_values(dtype, average, shape, k, rng):
    scores = rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(shape[1], size=shape[0])
    expected = reference.topk_accuracy(scores, labels, k, average)
    assert topk_accuracy(scores, labels, k, average=average) == pytest.approx(expected, rel=1e-15)


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
    assert topk_accuracy(scores, labels, k, average=average) == pytest.approx(expected, rel=1e-15)


def test_by_hand():
    scores = [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [0.0, 5.0, 1.0]]
    labels = [0, 0, 1, 2]
    assert topk_accuracy(scores, labels) == 0.25
    assert topk_accuracy(scores, labels, 2) == 0.75
    assert topk_accuracy(scores, labels, 3) == 1
    assert topk_accuracy(scores, labels, 2, average="macro") == pytest.approx((0.5 + 1 + 1) / 3)
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
        ((np.zeros(()), [0]), r"scores has shape \(\)"),
        ((np.zeros((2, 3)), [0, 1], 0), "k"),
        ((np.zeros((2, 3)), [0, 1], 2.5), "k is 2.5"),
        ((np.zeros((2, 3)), [0, 1], 2**64 + 1), "k is 18446744073709551617"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(TopKLossError, match=words):
        topk_accuracy(*arguments)
    tally = TopKAccuracy(2)
    if len(arguments) == 2:
        with pytest.raises(TopKLossError, match=words):
            tally.update(*arguments)
    else:
        with pytest.raises(TopKLossError, match=words):
            TopKAccuracy(arguments[2])
    assert len(tally.weights) == 0


# Weights, and several batches


def repeated(scores, labels, times):
    """Every row as often as it weighs."""
    return np.repeat(scores, times, axis=0), np.repeat(labels, times)


@pairwise(average=AVERAGES, k=(1, 3), weights=("whole", "shares", "zero"))
def test_weights(average, k, weights, rng):
    """A row of weight 3 is three rows, and a row of weight 0 is none."""
    scores = rng.standard_normal((60, 7)).astype(np.float32)
    labels = rng.integers(6, size=60)  # no row of the last class
    labels[::8] = -100
    times = rng.integers(0, 4, 60) * (weights != "zero")
    counts = [500, 200, 50, 30, 10, 5, 1]
    rows = repeated(scores, labels, times)
    given = times / 8 if weights == "shares" else times
    expected = reference.topk_accuracy(*rows, k, average)
    found = topk_accuracy(scores, labels, k, average=average, sample_weight=given)
    assert found == pytest.approx(expected, rel=1e-14)
    by_group = shot_accuracy(scores, labels, counts, k, average=average, sample_weight=given)
    np.testing.assert_allclose(by_group, by_shots(*rows, counts, k, average=average), rtol=1e-14)


def bad_weights(call):
    """What is refused of the weights of a metric."""
    for wrong, words in (
        ([1, np.nan], r"sample_weight\[1\] is nan"),
        ([np.inf, 1], r"sample_weight\[0\] is inf"),
        ([0, -0.5], r"sample_weight has the value -0\.5"),
        ([1], r"sample_weight has shape \(1,\)"),
    ):
        with pytest.raises(TopKLossError, match=words):
            call(sample_weight=wrong)


def test_bad_weights():
    scores, labels, tally = np.zeros((2, 3)), [0, 1], TopKAccuracy()
    bad_weights(partial(topk_accuracy, scores, labels))
    bad_weights(partial(shot_accuracy, scores, labels, [1, 2, 3]))
    bad_weights(partial(tally.update, scores, labels))
    assert len(tally.weights) == 0
    with pytest.raises(TopKLossError, match="average is 'median'"):
        topk_accuracy(scores, labels, average="median")
    with pytest.raises(TopKLossError, match="average is 'median'"):
        TopKAccuracy(average="median")


@pairwise(average=AVERAGES, k=(1, 3, 9), dtype=DTYPES)
def test_batches_come_to_what_the_whole_does(average, k, dtype, rng):
    scores = rng.standard_normal((200, 11)).astype(dtype)
    labels = rng.integers(10, size=200)
    labels[::9] = -5
    weights = rng.random(200)
    counts = long_tail(11, rng)
    tallies = [TopKAccuracy(k, average=average, ignore_index=-5) for _ in range(3)]
    for turn, rows in enumerate(np.split(np.arange(200), [1, 40, 41, 90, 90, 199])):
        tallies[turn % 2].update(scores[rows], labels[rows], sample_weight=weights[rows])
    whole, other, unused = tallies
    whole.merge(pickle.loads(pickle.dumps(other)), unused)
    options = {"average": average, "sample_weight": weights, "ignore_index": -5}
    expected = topk_accuracy(scores, labels, k, **options)
    assert whole.compute() == pytest.approx(expected, rel=1e-14)
    assert (
        expected
        != pytest.approx(
            topk_accuracy(
                scores[:40], labels[:40], k, **{**options, "sample_weight": weights[:40]}
            ),
            rel=1e-6,
        )
        or k > 8
    )
    shots = shot_accuracy(scores, labels, counts, k, **options)
    np.testing.assert_allclose(whole.shots(counts), shots, rtol=1e-14)
    by_class = [
        reference.topk_accuracy(scores[labels == c], labels[labels == c], k) for c in range(10)
    ]
    plain = TopKAccuracy(k, ignore_index=-5)
    plain.update(scores, labels)
    np.testing.assert_allclose(plain.by_class(), [*by_class, np.nan])
    np.testing.assert_array_equal(plain.weights[:10], np.bincount(labels[labels >= 0]))
    whole.reset()
    assert whole.compute() == 0
    assert len(whole.by_class()) == 0
    assert np.isnan(whole.shots(counts)).all()


def test_rows_along_any_axes(rng):
    """Of shape (..., C), one row alone too; empty batches add nothing."""
    scores, labels = rng.random((2, 3, 4, 5)), rng.integers(5, size=(2, 3, 4))
    flat = scores.reshape(24, 5), labels.ravel()
    tally, sets = TopKAccuracy(2), SetCoverage(0.5)
    for batch in ((scores, labels), (scores[0, 0, 0], labels[0, 0, 0]), (scores[:0], labels[:0])):
        tally.update(*batch)
        sets.update(*batch, sample_weight=np.ones(batch[1].shape))
    assert tally.weights.sum() == sets.weights.sum() == 25
    assert topk_accuracy(scores, labels, 2) == topk_accuracy(*flat, 2)
    assert average_set_size(scores, 0.5) == average_set_size(flat[0], 0.5)
    assert average_set_size(scores[0, 0, 0], 0.5) == np.sum(scores[0, 0, 0] >= 0.5)


def test_a_mean_over_rows_needs_no_numbers_by_class():
    """Of 4 million classes they would take 64 MB."""
    script = """if True:
        import resource, numpy as np
        from topkloss.metrics import average_k_accuracy, topk_accuracy
        topk_accuracy(np.zeros((1, 9), np.float32), [0])
        scores, labels = np.ones((1, 4_000_000), np.float32), np.zeros(1, np.int64)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert topk_accuracy(scores, labels) == 1
        assert average_k_accuracy(scores, labels, 1) == 1
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 8_000, f"{grown} kilobytes"
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_cannot_be_put_together():
    """Other classes, other options; what was counted stays."""
    tally = TopKAccuracy(2)
    tally.update(np.eye(3), [0, 1, 2])
    other = TopKAccuracy(2)
    other.update(np.eye(4), [0, 1, 2, 3])
    for call, words in (
        (lambda: tally.update(np.eye(4), [0, 1, 2, 3]), "scores have 4 classes, .* had 3"),
        (lambda: tally.merge(other), "3 and 4 classes"),
        (lambda: TopKAccuracy(2).merge(tally, other), "3 and 4 classes"),
        (lambda: tally.merge(TopKAccuracy(3)), "k=3"),
        (lambda: tally.merge(SetCoverage(0.5)), "SetCoverage"),
        (lambda: tally.shots([1, 2]), "class_counts has 2 classes, .* had 3"),
    ):
        with pytest.raises(TopKLossError, match=words):
            call()
    assert tally.weights.tolist() == [1, 1, 1]


# By shots


def by_shots(scores, labels, counts, k=1, many=100, few=20, average="micro", ignore_index=-100):
    """Three accuracies, each with the rows of the other groups left out."""
    counts = np.asarray(counts)
    labels = np.asarray(labels)
    groups = (counts > many, (counts >= few) & (counts <= many), counts < few)
    found = []
    for group in groups:
        inside = (labels != ignore_index) & group[np.where(labels == ignore_index, 0, labels)]
        only = np.where(inside, labels, -7)
        accuracy = reference.topk_accuracy(scores, only, k, average, -7)
        found.append(accuracy if inside.any() else np.nan)
    return found


@pairwise(
    dtype=DTYPES, average=AVERAGES, k=(1, 3, 50), bounds=((100, 20), (20, 20), (1e6, 0), (0, 0))
)
def test_shots(dtype, average, k, bounds, rng):
    many, few = bounds
    counts = long_tail(33, rng)
    counts[[3, 4]] = 20, 100  # the bounds themselves are medium-shot
    scores = rng.standard_normal((200, 33)).astype(dtype)
    labels = rng.integers(33, size=200)
    labels[::9] = -100
    found = shot_accuracy(scores, labels, counts, k, many, few, average=average)
    assert type(found) is ShotAccuracy
    expected = by_shots(scores, labels, counts, k, many, few, average)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_shots_by_hand():
    scores = np.eye(5)[[0, 1, 2, 0, 4, 0]]
    labels = [0, 1, 2, 3, 4, 4]
    found = shot_accuracy(scores, labels, [500, 101, 100, 20, 19])
    assert found == (1.0, 0.5, 0.5)
    assert (found.many, found.medium, found.few) == found
    found = shot_accuracy(scores, labels, [500, 101, 100, 20, 19], many=400)
    assert found.many == 1.0
    assert found.medium == pytest.approx(2 / 3)
    found = shot_accuracy(scores, labels, [5] * 5, ignore_index=4)
    assert np.isnan([found.many, found.medium]).all()
    assert found.few == 0.75


def test_shots_of_no_rows_and_of_classes_never_seen():
    assert np.isnan(shot_accuracy(np.zeros((2, 3)), [-100, -100], [1, 2, 3])).all()
    assert np.isnan(shot_accuracy(np.zeros((0, 3)), np.zeros(0, int), [1, 2, 3])).all()
    found = shot_accuracy(np.eye(2), [0, 1], [0, 1000])  # a count of 0 is few-shot
    assert (found.many, found.few) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((np.zeros((2, 3)), [0, 3], [1, 2, 3]), {}, "label.*3"),
        ((np.zeros((2, 3)), [0], [1, 2, 3]), {}, r"labels has shape \(1,\)"),
        ((np.zeros(()), [0], [1, 2, 3]), {}, r"scores has shape \(\)"),
        ((np.zeros((2, 3)), [0, 1], [1, 2]), {}, "class"),
        ((np.zeros((2, 3)), [0, 1], []), {}, "class"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, -1]), {}, "2"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, np.nan]), {}, "2"),
        ((np.zeros((2, 3)), [0, 1], [[1, 2, 3]]), {}, "class_counts has shape"),
        ((np.zeros((2, 3)), [0, 1], "many"), {}, "class_counts has dtype"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3], 0), {}, r"\bk\b"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3], 1.5), {}, "k is 1.5"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"many": 19}, "many|few"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"many": np.nan}, "many"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"many": "all"}, "many is 'all'"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"few": -1}, "few"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"few": np.inf}, "few"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"average": "median"}, "average is 'median'"),
        ((np.zeros((2, 3)), [0, 1], [1, 2, 3]), {"ignore_index": 1.5}, "ignore_index is 1.5"),
    ],
)
def test_bad_arguments_of_shots(arguments, options, words):
    with pytest.raises(TopKLossError, match=words):
        shot_accuracy(*arguments, **options)

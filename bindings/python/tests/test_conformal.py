"""Sets with a coverage guarantee, and what judges them."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from pairwise import pairwise
from support import DTYPES, long_tail
from test_metrics import bad_weights, repeated

from topkloss import TopKLossError
from topkloss.conformal import METHODS, thresholds
from topkloss.metrics import (
    SetCoverage,
    average_set_size,
    coverage_shortfall,
    set_coverage,
)
from topkloss.posthoc import Threshold, predict_sets


def largest(numbers, coverage):
    """The ceil((n + 1) coverage)-th largest; 0 if there are not so many."""
    rank = math.ceil((len(numbers) + 1) * coverage)
    return np.sort(numbers)[::-1][rank - 1] if rank <= len(numbers) else 0.0


def expected_thresholds(probabilities, labels, coverage, method, counts, weight):
    """The definitions, class by class."""
    probabilities = probabilities.astype(np.float64)
    classes = probabilities.shape[1]
    rows = np.flatnonzero(labels >= 0)
    own, labels = probabilities[rows, labels[rows]], labels[rows]
    standard = np.full(classes, largest(own, coverage))
    classwise = np.array([largest(own[labels == c], coverage) for c in range(classes)])
    prior = counts / counts.sum()
    return {
        "standard": standard,
        "classwise": classwise,
        "prevalence_adjusted": prior * largest(own / prior[labels], coverage),
        "interpolated": weight * classwise + (1 - weight) * standard,
    }[method]


def problem(rng, rows, classes=12, dtype=np.float64):
    """Rows of a long tail with their true probabilities, and labels drawn from them."""
    counts = long_tail(classes, rng)
    logits = np.log(counts / counts.sum()) + 1.5 * rng.standard_normal((rows, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = rng.random((rows, 1)) < np.cumsum(probabilities, axis=1)
    return probabilities.astype(dtype), np.argmax(drawn, axis=1), counts


@pairwise(
    dtype=DTYPES,
    method=tuple(METHODS),
    coverage=(0.5, 0.9, 0.99, 1.0),
    rows=(0, 1, 9, 200),
    weight=(0, 0.3, 1),
)
def test_thresholds(dtype, method, coverage, rows, weight, rng):
    probabilities, labels, counts = problem(rng, rows, dtype=dtype)
    labels[::6] = -100
    found = thresholds(
        probabilities,
        labels,
        coverage=coverage,
        method=method,
        class_counts=counts,
        weight=weight,
    )
    expected = expected_thresholds(probabilities, labels, coverage, method, counts, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_thresholds_by_hand():
    """Four rows and 0.6: the third largest. Two and 0.6: the second; one: none."""
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    labels = [0, 0, 0, 1]
    assert thresholds(probabilities, labels, coverage=0.6).tolist() == [0.7, 0.7]
    classwise = thresholds(probabilities, labels, coverage=0.6, method="classwise")
    assert classwise.tolist() == [0.4, 0.0]
    # One in the last place above a whole number is one more: the definition is taken at its word.
    assert thresholds(probabilities, labels, coverage=0.8).tolist() == [0.4, 0.4]
    assert thresholds(probabilities, labels, coverage=0.81).tolist() == [0.0, 0.0]


def test_counts_are_smoothed(rng):
    probabilities, labels, counts = problem(rng, 200)
    options = {"method": "prevalence_adjusted"}
    found = thresholds(probabilities, labels, class_counts=counts, count_smoothing=2, **options)
    expected = thresholds(probabilities, labels, class_counts=counts + 2, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("method", ["standard", "classwise", "prevalence_adjusted"])
def test_the_guarantee(method):
    """Coverage over draws of calibration rows: what was asked, or more, and 1 / (n + 1) at most.

    By class for classwise, where a class has n_c rows.
    """
    coverage, draws, rows = 0.8, 300, 120
    hits = []
    for draw in range(draws):
        rng = np.random.default_rng([7, draw])
        labels = rng.integers(3, size=2 * rows)
        # Of a model that is far from right.
        probabilities = rng.gamma(0.3 + 0.2 * labels[:, None], size=(2 * rows, 5)) + 1e-9
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        found = thresholds(
            probabilities[:rows],
            labels[:rows],
            coverage=coverage,
            method=method,
            class_counts=[1, 20, 300, 5, 5],
        )
        own = SetCoverage(found)
        own.update(probabilities[rows:], labels[rows:])
        hits.append(own.by_class()[:3] if method == "classwise" else [own.compute()])
    error = np.std(hits, axis=0) / np.sqrt(draws)
    mean = np.mean(hits, axis=0)
    least = 20 if method == "classwise" else rows
    assert (mean > coverage - 4 * error).all(), mean
    assert (mean < coverage + 1 / (least + 1) + 4 * error).all(), mean


def test_the_long_tail_needs_thresholds_of_its_own(rng):
    """Standard thresholds leave rare classes out; the others make up for it."""
    probabilities, labels, counts = problem(rng, 8000)
    shortfalls, covered = {}, {}
    for method in METHODS:
        found = thresholds(probabilities[:4000], labels[:4000], method=method, class_counts=counts)
        rows = probabilities[4000:], labels[4000:]
        shortfalls[method] = coverage_shortfall(*rows, found, 0.9)
        covered[method] = set_coverage(*rows, found, average="macro")
    assert shortfalls["standard"] > 2 * shortfalls["classwise"]
    assert shortfalls["standard"] > shortfalls["interpolated"] > shortfalls["classwise"]
    assert covered["standard"] < covered["prevalence_adjusted"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *[({"coverage": value}, "coverage is") for value in (0, -0.1, 1.1, np.nan, "much")],
        *[({"weight": value}, "weight is") for value in (-0.1, 1.1, np.nan, None)],
        ({"method": "best"}, "method is 'best'"),
        ({"method": "prevalence_adjusted"}, "class_counts is None"),
        ({"method": "prevalence_adjusted", "class_counts": [1, 2]}, "classes is 3.* 2"),
        ({"method": "prevalence_adjusted", "class_counts": [1, 0, 2]}, r"class_counts\[1\] is 0"),
        ({"ignore_index": 0.5}, "ignore_index is"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(TopKLossError, match=words):
        thresholds(np.full((2, 3), 0.3), [0, 1], **options)


def test_logits_are_refused():
    """Where they are seen: a label's is below 0, or above 1, or no number."""
    for wrong in (-0.5, 1.5, np.nan, np.inf):
        with pytest.raises(TopKLossError, match=r"^probabilities\[1, 2\] is "):
            thresholds([[0.5, 9.0, -1.0], [0.0, 0.0, wrong]], [0, 2])


# What judges sets


def by_hand(scores, labels, threshold, weights, average, wanted=0.9):
    """Coverage, size and shortfall, row by row; counted as often as rows weigh."""
    scores, labels = repeated(scores.astype(np.float64), labels, weights)
    sets = scores >= np.asarray(threshold, np.float64)
    rows = np.flatnonzero(labels >= 0)
    sets, labels = sets[rows], labels[rows]
    hits, sizes = sets[np.arange(len(rows)), labels], sets.sum(axis=1)
    groups = [labels == c for c in np.unique(labels)]
    shortfall = np.mean([max(0, wanted - hits[group].mean()) for group in groups])
    if average == "micro":
        groups = [np.ones(len(rows), bool)]
    return (
        np.mean([hits[group].mean() for group in groups]),
        np.mean([sizes[group].mean() for group in groups]),
        shortfall,
    )


@pairwise(dtype=DTYPES, average=("micro", "macro"), by_class=(False, True), weighted=(False, True))
def test_judges(dtype, average, by_class, weighted, rng):
    scores = (rng.integers(0, 9, (90, 13)) / 8).astype(dtype)
    scores[::11, 3] = np.nan
    labels = rng.integers(12, size=90)
    labels[::7] = -100
    threshold = rng.integers(0, 9, 13) / 8 if by_class else 0.5
    weights = rng.integers(0, 4, 90) if weighted else np.ones(90, int)
    given = {"sample_weight": weights / 4 if weighted else None}
    expected = by_hand(scores, labels, threshold, weights, average)
    coverage = set_coverage(scores, labels, threshold, average=average, **given)
    assert coverage == pytest.approx(expected[0], rel=1e-14)
    shortfall = coverage_shortfall(scores, labels, threshold, 0.9, **given)
    assert shortfall == pytest.approx(expected[2], rel=1e-13)
    all_rows = by_hand(scores, np.zeros(90, int), threshold, weights, "micro")
    size = average_set_size(scores, threshold, **given)
    assert size == pytest.approx(all_rows[1], rel=1e-14)
    tallies = [SetCoverage(threshold, average=average) for _ in range(2)]
    for turn, rows in enumerate(np.split(np.arange(90), [30, 31, 31, 70])):
        part = None if given["sample_weight"] is None else given["sample_weight"][rows]
        tallies[turn % 2].update(scores[rows], labels[rows], sample_weight=part)
    whole = pickle.loads(pickle.dumps(tallies[1]))
    whole.merge(tallies[0])
    found = whole.compute(), whole.average_size(), whole.shortfall(0.9)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert len(whole.by_class()) == len(whole.size_by_class()) == 13
    assert np.isnan(whole.by_class()[12])
    assert np.isnan(whole.size_by_class()[12])


def test_ties_of_a_threshold_are_not_looked_at():
    scores = np.array([[1.0, 1.0], [1.0, 0.0]])
    threshold = Threshold(1.0, 1)
    assert len(predict_sets(scores, threshold)[1]) == 1
    assert set_coverage(scores, [1, 0], threshold) == 1
    assert average_set_size(scores, threshold) == 1.5


def test_nothing_to_judge():
    for scores, labels in ((np.zeros((2, 3)), [-100, -100]), (np.zeros((0, 3)), np.zeros(0, int))):
        assert set_coverage(scores, labels, 0.5) == 0
        assert coverage_shortfall(scores, labels, 0.5, 0.9) == 0
    assert average_set_size(np.zeros((0, 3)), 0.5) == 0
    tally = SetCoverage(0.5)
    assert (tally.compute(), tally.average_size(), tally.shortfall(0.5)) == (0, 0, 0)


def test_bad_arguments_of_judges():
    scores, labels = np.zeros((2, 3)), [0, 1]
    bad_weights(lambda **weights: set_coverage(scores, labels, 0.5, **weights))
    bad_weights(lambda **weights: average_set_size(scores, 0.5, **weights))
    bad_weights(lambda **weights: coverage_shortfall(scores, labels, 0.5, 0.9, **weights))
    narrow = SetCoverage(0.5, with_sizes=False)
    narrow.update(scores, labels)
    for call, words in (
        (lambda: set_coverage(scores, labels, np.nan), "threshold is nan"),
        (lambda: set_coverage(scores, labels, "high"), "threshold is 'high'"),
        (lambda: set_coverage(scores, labels, [0.5, 0.5]), "classes is 3.* 2"),
        (lambda: set_coverage(scores, labels, 0.5, average="mean"), "average is 'mean'"),
        (lambda: set_coverage(scores, [0, 3], 0.5), "label.*3"),
        (lambda: coverage_shortfall(scores, labels, 0.5, 0), "coverage is 0"),
        (lambda: coverage_shortfall(scores, labels, 0.5, 1.5), "coverage is 1.5"),
        (lambda: narrow.average_size(), "with_sizes is False"),
        (lambda: narrow.merge(SetCoverage(0.25, with_sizes=False)), r"SetCoverage\(0.25"),
    ):
        with pytest.raises(TopKLossError, match=words):
            call()

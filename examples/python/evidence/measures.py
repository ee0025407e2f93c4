"""What a trained network is judged by, on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
from methods import Counts, K, Scores
from numpy.typing import NDArray
from subjects import Part
from topkloss import conformal, metrics, posthoc

Labels = NDArray[np.int64]
Measures = dict[str, float]

CHOSEN_BY = (
    *("top-1", "top-1, class average", "top-5", "top-5, class average"),
    *("average-5", "average-5, class average"),
)
"""Each has its own best setting of every loss."""

AMBIGUOUS = "average-5, ambiguous rows"
RARE = "average-5, rarest third of classes"

COVERAGE = 0.9
"""What conformal sets have to reach."""

CONFORMAL: tuple[conformal.Method, ...] = get_args(conformal.Method)


def measure(scores: Scores, sets: Scores, threshold: float, part: Part, counts: Counts) -> Measures:
    """Shares between 0 and 1.

    scores: (N, C), by which classes are ranked. sets: (N, C), what sets are made of, by a
    threshold that was chosen on other rows. counts: training rows a class, shape (C,).
    """
    labels = part.labels
    inside = sets[np.arange(len(labels)), labels] >= threshold
    rare = np.isin(labels, np.argsort(counts, kind="stable")[: len(counts) // 3])
    found = {
        "top-1": topk(scores, labels, 1, "micro"),
        "top-1, class average": topk(scores, labels, 1, "macro"),
        "top-5": topk(scores, labels, K, "micro"),
        "top-5, class average": topk(scores, labels, K, "macro"),
        "average-5": float(inside.mean()),
        "average-5, class average": class_average(inside, labels),
    }
    for name, rows in ((AMBIGUOUS, part.ambiguous), (RARE, rare)):
        found[name] = float(inside[rows].mean())
    return found


def topk(scores: Scores, labels: Labels, k: int, average: metrics.Average) -> float:
    """The share of rows, or its average over classes, whose label is among the k best."""
    return float(metrics.topk_accuracy(scores, labels, k=k, average=average))


def class_average(right: NDArray[np.bool_], labels: Labels) -> float:
    """The mean over the classes there are of the share of their rows that are right."""
    _, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return float((np.bincount(places, weights=right) / sizes).mean())


def threshold_of(sets: Scores) -> float:
    """The one threshold that makes sets of K classes on average."""
    return float(posthoc.average_k_threshold(sets, K))


def conformal_sets(
    validation: Scores, test: Scores, parts: tuple[Part, Part], counts: Counts
) -> Iterator[tuple[str, float]]:
    """How sets from thresholds of each kind cover the test rows, and how large they are.

    validation and test: probabilities, (N, C).
    """
    calibrated, judged = parts
    for method in CONFORMAL:
        thresholds = conformal.thresholds(
            validation, calibrated.labels, coverage=COVERAGE, method=method, class_counts=counts
        )
        inside = test[np.arange(len(judged.labels)), judged.labels] >= thresholds[judged.labels]
        yield f"{method}: coverage", float(inside.mean())
        yield f"{method}: coverage, class average", class_average(inside, judged.labels)
        yield f"{method}: mean size", float(metrics.average_set_size(test, thresholds))
        yield (
            f"{method}: shortfall",
            float(metrics.coverage_shortfall(test, judged.labels, thresholds, COVERAGE)),
        )

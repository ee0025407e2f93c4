"""How often the right country is among those predicted.

Overall, by class, by how common the country is, and by how ambiguous the name is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from data import Cities
from losses import Counts, Scores
from numpy.typing import NDArray
from sets import Sets, sets_of
from topkloss import metrics

Average = Literal["micro", "macro"]

BIN_EDGES = (1, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
"""Classes are grouped by training rows, in steps that are about even on a logarithmic axis.

The first step is wider: the rarest countries have two or three test names each, so it takes
more of them for an average that means something.
"""

AMBIGUITY_EDGES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 1000)
"""Names are grouped by the countries they are found in; few names are found in very many."""

EXAMPLES = (
    *("Sankt Ulrich bei Steyr", "Reykjavík", "Springfield", "Paris", "Franklin", "Cambridge"),
    *("Trinidad", "San Isidro", "San Carlos"),
)
"""Names to tell the set size of, where they are among the test names."""


@dataclass(frozen=True)
class Accuracy:
    """Shares between 0 and 1; a class average weights every country the same."""

    top_1: float
    top_1_class_average: float
    top_5: float
    top_5_class_average: float
    average_5: float
    """The share of names whose country is in their set, by a threshold chosen on other names."""

    average_5_class_average: float


@dataclass(frozen=True)
class FrequencyBin:
    """Countries with similar numbers of training rows, and how well they are told."""

    fewest_rows: int
    most_rows: int
    """The bounds of the bin, both included: training rows of a country."""

    typical_rows: float
    """The geometric mean of its countries' training rows."""

    countries: int
    test_names: int
    top_1: float
    top_5: float
    """Averages over the bin's countries."""


@dataclass(frozen=True)
class AmbiguityGroup:
    """Names that are found in similar numbers of countries, and what is predicted for them."""

    fewest_countries: int
    most_countries: int
    """The bounds of the group, both included."""

    test_names: int
    mean_set_size: float
    in_set: float
    """The share of names whose country is in their set."""

    top_5: float
    """The same of the five best countries."""


@dataclass(frozen=True)
class Example:
    """One name, the countries it is found in, and those predicted for it."""

    name: str
    found_in: int
    set_size: int


@dataclass(frozen=True)
class Evaluation:
    """What a trained model does on names that it was not trained on."""

    accuracy: Accuracy

    mean_set_size: float
    """Near five: exactly five it is on the names that the threshold was chosen on."""

    by_frequency: list[FrequencyBin]
    by_ambiguity: list[AmbiguityGroup]
    examples: list[Example]

    def as_json(self) -> dict[str, object]:
        return {
            "accuracy": asdict(self.accuracy),
            "mean_set_size": self.mean_set_size,
            "by_frequency": [asdict(each) for each in self.by_frequency],
            "by_ambiguity": [asdict(each) for each in self.by_ambiguity],
            "examples": [asdict(each) for each in self.examples],
        }


def evaluate(
    scores: Scores, set_scores: Scores, threshold: float, cities: Cities, counts: Counts
) -> Evaluation:
    """Compare predictions for N names with their countries.

    scores: (N, C), by which a name's countries are ranked. set_scores: (N, C), of which the
    threshold makes sets. counts: training rows a class, shape (C,).
    """
    labels = cities.labels
    sets = sets_of(set_scores, threshold, labels)
    accuracy = Accuracy(
        _topk(scores, labels, 1, "micro"),
        _topk(scores, labels, 1, "macro"),
        _topk(scores, labels, 5, "micro"),
        _topk(scores, labels, 5, "macro"),
        float(sets.right.mean()),
        _class_average(sets.right, labels),
    )
    return Evaluation(
        accuracy,
        float(sets.sizes.mean()),
        _by_frequency(scores, labels, counts),
        _by_ambiguity(scores, sets, cities),
        _examples(sets, cities),
    )


def _class_average(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    """The mean over the classes there are of the share of their rows that are right."""
    _, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return float((np.bincount(places, weights=right) / sizes).mean())


def _by_frequency(scores: Scores, labels: NDArray[np.int64], counts: Counts) -> list[FrequencyBin]:
    bins = []
    for fewest, beyond in pairwise(BIN_EDGES):
        in_bin = (counts >= fewest) & (counts < beyond)
        rows = in_bin[labels]
        if not rows.any():
            continue
        bins.append(
            FrequencyBin(
                fewest_rows=fewest,
                most_rows=beyond - 1,
                typical_rows=float(np.exp(np.log(counts[in_bin]).mean())),
                countries=int(in_bin.sum()),
                test_names=int(rows.sum()),
                top_1=_topk(scores[rows], labels[rows], 1, "macro"),
                top_5=_topk(scores[rows], labels[rows], 5, "macro"),
            )
        )
    return bins


def _by_ambiguity(scores: Scores, sets: Sets, cities: Cities) -> list[AmbiguityGroup]:
    groups = []
    for fewest, beyond in pairwise(AMBIGUITY_EDGES):
        rows = (cities.found_in >= fewest) & (cities.found_in < beyond)
        if not rows.any():
            continue
        groups.append(
            AmbiguityGroup(
                fewest_countries=fewest,
                most_countries=min(beyond - 1, int(cities.found_in.max())),
                test_names=int(rows.sum()),
                mean_set_size=float(sets.sizes[rows].mean()),
                in_set=float(sets.right[rows].mean()),
                top_5=_topk(scores[rows], cities.labels[rows], 5, "micro"),
            )
        )
    return groups


def _examples(sets: Sets, cities: Cities) -> list[Example]:
    rows = [cities.names.index(name) for name in EXAMPLES if name in cities.names]
    return [
        Example(cities.names[row], int(cities.found_in[row]), int(sets.sizes[row])) for row in rows
    ]


def _topk(scores: Scores, labels: NDArray[np.int64], k: int, average: Average) -> float:
    return float(metrics.topk_accuracy(scores, labels, k=k, average=average))

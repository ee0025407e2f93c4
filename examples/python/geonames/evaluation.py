"""How often the right country is among the K best: overall, by class, and by class frequency."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from losses import Counts, Scores
from numpy.typing import NDArray
from topkloss import metrics

BIN_EDGES = (1, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
"""Classes are grouped by training rows, in steps that are about even on a logarithmic axis.

The first step is wider: the rarest countries have two or three test names each, so it takes
more of them for an average that means something.
"""


@dataclass(frozen=True)
class Accuracy:
    """Shares between 0 and 1; a class average weights every country the same."""

    top_1: float
    top_1_class_average: float
    top_5: float
    top_5_class_average: float


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
class Evaluation:
    """What a trained model does on the test names."""

    accuracy: Accuracy
    by_frequency: list[FrequencyBin]

    def as_json(self) -> dict[str, object]:
        return {
            "accuracy": asdict(self.accuracy),
            "by_frequency": [asdict(each) for each in self.by_frequency],
        }


def evaluate(scores: Scores, labels: NDArray[np.int64], counts: Counts) -> Evaluation:
    """Compare scores (N, C) with labels (N,). counts: training rows a class, shape (C,)."""
    accuracy = Accuracy(
        _topk(scores, labels, 1, "micro"),
        _topk(scores, labels, 1, "macro"),
        _topk(scores, labels, 5, "micro"),
        _topk(scores, labels, 5, "macro"),
    )
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
    return Evaluation(accuracy, bins)


def _topk(
    scores: Scores, labels: NDArray[np.int64], k: int, average: Literal["micro", "macro"]
) -> float:
    return float(metrics.topk_accuracy(scores, labels, k=k, average=average))

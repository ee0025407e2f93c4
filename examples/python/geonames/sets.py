"""Sets of countries of five on average: fewer for a telling name, more for an ambiguous one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from losses import Scores
from numpy.typing import NDArray
from topkloss import posthoc

AVERAGE_SIZE = 5


@dataclass(frozen=True)
class Sets:
    """What the sets of N names are like."""

    sizes: NDArray[np.int64]
    """(N,): how many countries a name's set has."""

    right: NDArray[np.bool_]
    """(N,): whether the name's own country is one of them."""


def threshold_of(scores: Scores) -> float:
    """The one threshold on scores (N, C) that gives sets of the average size."""
    # As a plain number: which of its ties are kept means nothing to the scores of other names.
    return float(posthoc.average_k_threshold(scores, AVERAGE_SIZE))


def sets_of(scores: Scores, threshold: float, labels: NDArray[np.int64]) -> Sets:
    """The sets that a threshold makes of scores (N, C), compared with labels (N,)."""
    starts, members = posthoc.predict_sets(scores, threshold)
    sizes = np.diff(starts)
    rows = np.repeat(np.arange(len(labels)), sizes)
    right = np.zeros(len(labels), np.bool_)
    right[rows[members == labels[rows]]] = True
    return Sets(sizes, right)


def members_of(scores: Scores, threshold: float) -> list[NDArray[np.int64]]:
    """The set of each of N names by a threshold known beforehand, best first and never empty."""
    starts, members = posthoc.predict_sets(scores, threshold, never_empty=True)
    rows = zip(scores, np.split(members, starts[1:-1]), strict=True)
    return [row_members[np.argsort(-row[row_members], kind="stable")] for row, row_members in rows]

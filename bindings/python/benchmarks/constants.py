"""The options that the losses have here, and the vectors by class that come of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

K = 5
SAMPLES = 5
GAMMA = 2.0
SCALE = 30.0
MAX_MARGIN = 0.5
ALPHA = 0.01
EXPECTED = 3.0


def frequencies(counts: Counts) -> Counts:
    """The logarithms of the shares of the classes."""
    return np.asarray(np.log(counts / counts.sum()))


def margins(counts: Counts) -> Counts:
    """LDAM's, the largest for the rarest class."""
    rarity = counts**-0.25
    return np.asarray(MAX_MARGIN * rarity / rarity.max())


def class_scales(counts: Counts) -> Counts:
    """Vector scaling's factors."""
    return np.asarray((counts / counts.max()) ** 0.3)


def teacher(counts: Counts) -> Counts:
    """Of the MSE with outlying label: the rank of a class by its count, times alpha."""
    ranks = np.empty(len(counts))
    ranks[np.argsort(-counts, kind="stable")] = np.arange(1, len(counts) + 1)
    return ALPHA * ranks

"""The options that the losses have here, and what comes of them for a formulation to use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """Factors of logits, the largest for the most frequent class."""
    return np.asarray((counts / counts.max()) ** 0.3)


def teacher(counts: Counts) -> Counts:
    """Of the MSE with outlying label: the rank of a class by its count, times alpha."""
    ranks = np.empty(len(counts))
    ranks[np.argsort(-counts, kind="stable")] = np.arange(1, len(counts) + 1)
    return ALPHA * ranks


@dataclass(frozen=True)
class Terms:
    """Cross-entropy on ``scale (factor z + offset)``, the label's less a margin.

    Attributes:
        offset: By class.
        factor: By class; with an offset only.
        margin: By class.
        rival: Whether the margin of the strongest other class is given back.
        scale: Of all logits.
    """

    offset: Counts | None = None
    factor: Counts | None = None
    margin: Counts | None = None
    rival: bool = False
    scale: float = 1.0


SOFTMAX_MARGIN: dict[str, Callable[[Counts], Terms]] = {
    "cross_entropy": lambda _: Terms(),
    "logit_adjusted": lambda counts: Terms(frequencies(counts)),
    "vector_scaling": lambda counts: Terms(frequencies(counts), class_scales(counts)),
    "ldam": lambda counts: Terms(margin=margins(counts), scale=SCALE),
    "elm": lambda counts: Terms(margin=margins(counts), rival=True, scale=SCALE),
    "margin_softmax": lambda counts: Terms(
        frequencies(counts), class_scales(counts), margins(counts)
    ),
}
"""The softmax-margin family by what its members do to a row."""

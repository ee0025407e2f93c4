"""The long tail of Cao et al.: class c keeps n_max * factor^(-c / (C - 1)) pictures.

Cao, Wei, Gaidon, Arechiga and Ma, "Learning imbalanced datasets with label-distribution-aware
margin loss", NeurIPS 2019. The rule for exponential tails is that of their code, which rounds
down; the test pictures stay as they are, balanced.
"""

from __future__ import annotations

import numpy as np
from cifar_files import DataError, Pictures
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""Pictures of each class, shape (C,)."""


def class_counts(most: int, classes: int, factor: float) -> Counts:
    """Pictures of each class, the most frequent first.

    Args:
        most: Pictures of the most frequent class, 1 or more.
        classes: Their number C, 2 or more.
        factor: The most frequent class has so many times the pictures of the rarest, 1 or more.

    Returns:
        C numbers. Never 0: where there are few pictures, as of those made here, a class keeps one.
    """
    shares = (1 / factor) ** (np.arange(classes) / (classes - 1))
    return np.maximum((most * shares).astype(np.int64), 1)


def with_long_tail(pictures: Pictures, classes: int, factor: float, seed: int) -> Pictures:
    """A long tail of pictures, of which there are as many of each class. The same for the same seed.

    Raises:
        DataError: There are not as many of each class.
    """
    there = np.bincount(pictures.labels, minlength=classes)
    if there.min() != there.max():
        raise DataError(
            f"Classes differ already: they have {there.min()} to {there.max()} pictures"
        )
    rng = np.random.default_rng(seed)
    kept = [
        rng.permutation(np.flatnonzero(pictures.labels == label))[:count]
        for label, count in enumerate(class_counts(int(there[0]), classes, factor))
    ]
    rows = np.concatenate(kept)
    return Pictures(pictures.images[rows], pictures.labels[rows])

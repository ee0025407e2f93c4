"""Names as batches of one shape, so that the training step is compiled once.

A batch of sparse rows is three vectors, as long as its n-grams are many: of each n-gram, which one
it is, what it counts, and in which row. They are filled up to a length that all batches share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from geonames import Cities, hash_names
from numpy.typing import NDArray

BUCKETS = 2**15
"""How many n-grams are told apart: fewer than in the demo, for optax updates the whole table."""

IGNORED = -100
"""The label of rows that only fill up a batch: topkloss's default for rows that do not count."""


class Batch(NamedTuple):
    """Rows, of which some at the end may be there to fill up."""

    ngrams: NDArray[np.int32]
    shares: NDArray[np.float32]
    rows: NDArray[np.int32]
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class Names:
    """N names as sparse rows over `BUCKETS` n-grams, with labels."""

    features: scipy.sparse.csr_array
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, cities: Cities) -> Names:
        """Hash names. The demo's buckets are folded."""
        features = hash_names(cities.names)
        folded = scipy.sparse.csr_array(
            (features.data, features.indices % BUCKETS, features.indptr),
            shape=(len(cities.names), BUCKETS),
        )
        return cls(folded, cities.labels)

    def longest(self, batch_size: int) -> int:
        """A length that holds any batch's n-grams: those of the longest names together."""
        lengths = np.sort(np.diff(self.features.indptr))
        return int(lengths[-batch_size:].sum())

    def batches(
        self, batch_size: int, length: int, random: np.random.Generator | None = None
    ) -> Iterator[Batch]:
        """All rows, once: in random order, or as they are."""
        rows = self.features.shape[0]
        order = np.arange(rows) if random is None else random.permutation(rows)
        features, labels = self.features[order], self.labels[order]
        for start in range(0, rows, batch_size):
            part = features[start : start + batch_size]
            found = part.shape[0]
            ngrams, shares = np.zeros(length, np.int32), np.zeros(length, np.float32)
            row_of = np.full(length, batch_size - 1, np.int32)
            ngrams[: part.nnz], shares[: part.nnz] = part.indices, part.data
            row_of[: part.nnz] = np.repeat(np.arange(found), np.diff(part.indptr))
            filled = np.full(batch_size, IGNORED, np.int32)
            filled[:found] = labels[start : start + batch_size]
            yield Batch(ngrams, shares, row_of, filled)

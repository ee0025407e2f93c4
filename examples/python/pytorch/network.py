"""The demo's network in PyTorch: a bag of embeddings, a hidden layer, and one head or two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geonames_demo  # noqa: F401
import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
import torch
from model import EMBEDDING_SPREAD, EMBEDDING_WIDTH, HIDDEN_WIDTH, ROWS_AT_ONCE
from numpy.typing import NDArray
from topkloss.torch import NormedLinear
from torch import Tensor, nn


@dataclass(frozen=True)
class Bags:
    """B bags of weighted n-grams, as `torch.nn.EmbeddingBag` takes them."""

    buckets: Tensor
    """The n-grams of all bags, one bag after another."""

    starts: Tensor
    """(B,): where each bag begins."""

    weights: Tensor
    """Of the n-grams; those of a bag sum to 1."""

    @classmethod
    def of(cls, rows: scipy.sparse.csr_array) -> Bags:
        """The rows of a sparse matrix, without a copy."""
        return cls(
            torch.from_numpy(rows.indices),
            torch.from_numpy(rows.indptr[:-1]),
            torch.from_numpy(rows.data),
        )


class Network(nn.Module):
    """Logits from bags: (B, C) for each of its heads.

    The bag's gradient is sparse, as a batch touches few of its rows. Graphs of `torch.compile`
    cannot hold such gradients, so what comes after the bag is a module of its own.
    """

    def __init__(self, buckets: int, classes: int, *, heads: int = 1, normalized: bool) -> None:
        """Random weights, spread as in the demo's own network.

        normalized: whether the logits are cosines.
        """
        super().__init__()
        self.bag = nn.EmbeddingBag(buckets, EMBEDDING_WIDTH, mode="sum", sparse=True)
        self.rest = Layers(classes, heads=heads, normalized=normalized)
        nn.init.normal_(self.bag.weight, std=EMBEDDING_SPREAD)

    def embedded(self, bags: Bags) -> Tensor:
        """The mean embedding of each bag's n-grams, of shape (B, D)."""
        means: Tensor = self.bag(bags.buckets, bags.starts, per_sample_weights=bags.weights)
        return means

    def forward(self, bags: Bags) -> tuple[Tensor, ...]:
        """The logits of each head."""
        logits: tuple[Tensor, ...] = self.rest(self.embedded(bags))
        return logits

    def logits(self, features: scipy.sparse.csr_array) -> NDArray[np.float32]:
        """Logits (N, heads · C) of any number of rows, the heads' side by side."""
        with torch.inference_mode():
            parts = [torch.cat(self(Bags.of(rows)), dim=1).float() for rows in _parts(features)]
        found: NDArray[np.float32] = torch.cat(parts).numpy()
        return found


class Layers(nn.Module):
    """From embeddings (B, D) to logits (B, C) of each head."""

    def __init__(self, classes: int, *, heads: int, normalized: bool) -> None:
        super().__init__()
        self.hidden = nn.Linear(EMBEDDING_WIDTH, HIDDEN_WIDTH)
        nn.init.normal_(self.hidden.weight, std=(2 / EMBEDDING_WIDTH) ** 0.5)
        nn.init.zeros_(self.hidden.bias)
        self.heads = nn.ModuleList(_head(classes, normalized) for _ in range(heads))

    def forward(self, embedded: Tensor) -> tuple[Tensor, ...]:
        """The logits of each head."""
        hidden = torch.relu(self.hidden(embedded))
        return tuple(head(hidden) for head in self.heads)


def _head(classes: int, normalized: bool) -> nn.Module:
    if normalized:
        normed = NormedLinear(HIDDEN_WIDTH, classes)
        # Directions alone matter to the logits; the longer the vectors, the slower Adam turns them.
        nn.init.normal_(normed.weight)
        return normed
    head = nn.Linear(HIDDEN_WIDTH, classes)
    nn.init.normal_(head.weight, std=HIDDEN_WIDTH**-0.5)
    nn.init.zeros_(head.bias)
    return head


def _parts(features: scipy.sparse.csr_array) -> Iterator[scipy.sparse.csr_array]:
    """A few thousand rows at a time."""
    for start in range(0, features.shape[0], ROWS_AT_ONCE):
        yield features[start : start + ROWS_AT_ONCE]

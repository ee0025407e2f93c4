"""The layers of the model, each with its forward and its backward pass written out.

A layer remembers in `forward` what its `backward` needs, so the two are called in pairs. It
works in the precision of the parameters it is given: float32 for training, float64 when a test
compares gradients with finite differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

SMALLEST_NORM = 1e-6
"""A hidden vector may be all zeros after the rectifier; it is then divided by this instead."""


@dataclass
class Parameter:
    """An array to be learned and the gradient that the last backward pass left for it."""

    value: Array
    gradient: Array | None = None

    rows: NDArray[np.integer[Any]] | None = None
    """Which rows of `value` the rows of `gradient` belong to; None where it covers them all."""


class EmbeddingBag:
    """The weighted sum of table rows that a sparse matrix selects: (B, V) to (B, D)."""

    def __init__(self, table: Array) -> None:
        self.table = Parameter(table)
        self._batch = scipy.sparse.csr_array((0, table.shape[0]))

    def forward(self, batch: scipy.sparse.csr_array) -> Array:
        self._batch = batch
        product: Array = batch @ self.table.value
        return product

    def backward(self, upstream: Array) -> None:
        """Leave the gradient of the touched rows alone; the others' is zero.

        A batch touches a few thousand of the table's rows, so columns are renumbered to those
        before the product, and neither the gradient nor the update ever has the table's size.
        """
        batch = self._batch
        touched, renumbered = np.unique(batch.indices, return_inverse=True)
        compact = scipy.sparse.csr_array(
            (batch.data, renumbered, batch.indptr), shape=(batch.shape[0], len(touched))
        )
        self.table.rows = touched
        self.table.gradient = compact.T @ upstream


class Linear:
    """x W + b: (B, D) to (B, H)."""

    def __init__(self, weight: Array, bias: Array) -> None:
        self.weight = Parameter(weight)
        self.bias = Parameter(bias)
        self._inputs = weight

    def forward(self, inputs: Array) -> Array:
        self._inputs = inputs
        outputs: Array = inputs @ self.weight.value
        outputs += self.bias.value
        return outputs

    def backward(self, upstream: Array) -> Array:
        self.weight.gradient = self._inputs.T @ upstream
        self.bias.gradient = upstream.sum(axis=0)
        inputs_gradient: Array = upstream @ self.weight.value.T
        return inputs_gradient


class Rectifier:
    """max(0, x), element by element."""

    def forward(self, inputs: Array) -> Array:
        self._active = inputs > 0
        return np.maximum(inputs, 0)

    def backward(self, upstream: Array) -> Array:
        return upstream * self._active


class NormalizedLinear:
    """The cosine between the input and each class's weight vector: (B, D) to (B, C).

    Margin losses with a scale (LDAM, ELM, imbalanced noised top-K) ask for logits in [-1, 1]: a
    margin means nothing while the network can outgrow it by making its weights longer.
    """

    def __init__(self, weight: Array) -> None:
        """weight: (C, D), one row a class."""
        self.weight = Parameter(weight)

    def forward(self, inputs: Array) -> Array:
        self._input_directions, self._input_norms = _directions(inputs)
        self._weight_directions, self._weight_norms = _directions(self.weight.value)
        cosines: Array = self._input_directions @ self._weight_directions.T
        return cosines

    def backward(self, upstream: Array) -> Array:
        self.weight.gradient = _through_directions(
            upstream.T @ self._input_directions, self._weight_directions, self._weight_norms
        )
        return _through_directions(
            upstream @ self._weight_directions, self._input_directions, self._input_norms
        )


def _directions(vectors: Array) -> tuple[Array, Array]:
    """Rows (R, D) divided by their lengths, and those lengths (R, 1)."""
    norms = np.sqrt(np.einsum("rd,rd->r", vectors, vectors))[:, np.newaxis]
    np.maximum(norms, SMALLEST_NORM, out=norms)
    return vectors / norms, norms


def _through_directions(upstream: Array, directions: Array, norms: Array) -> Array:
    """The gradient with respect to vectors, given the one with respect to their directions.

    Only the part across the direction counts: making a vector longer does not turn it.
    """
    along = np.einsum("rd,rd->r", upstream, directions)[:, np.newaxis]
    gradient: Array = (upstream - along * directions) / norms
    return gradient

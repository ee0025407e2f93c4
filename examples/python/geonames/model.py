"""The network: embedding bag, one hidden layer, and a plain or a normalised last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from layers import Array, EmbeddingBag, Linear, NormalizedLinear, Parameter, Rectifier
from numpy.typing import DTypeLike, NDArray

EMBEDDING_WIDTH = 64
HIDDEN_WIDTH = 128
EMBEDDING_SPREAD = 0.1

ROWS_AT_ONCE = 4096
"""How many rows `scores` sends through the network together."""


class CityModel:
    """Logits from sparse rows of V hashed n-grams: C of them, or 2 C for two heads.

    `forward` and `backward` know nothing of the loss: whoever trains the model hands the
    gradient with respect to the logits to `backward`.
    """

    def __init__(
        self,
        buckets: int,
        outputs: int,
        *,
        normalized: bool,
        seed: int,
        widths: tuple[int, int] = (EMBEDDING_WIDTH, HIDDEN_WIDTH),
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Random weights.

        buckets: V. outputs: logits a row. normalized: whether the logits are cosines. widths: of
        the embedding and of the hidden layer.
        """
        random = np.random.default_rng(seed)

        def normal(shape: tuple[int, int], spread: float) -> Array:
            values = random.standard_normal(shape, dtype=np.float32)
            values *= np.float32(spread)
            return values.astype(dtype, copy=False)

        embedding_width, hidden_width = widths
        self.outputs = outputs
        self.normalized = normalized
        self.embedding = EmbeddingBag(normal((buckets, embedding_width), EMBEDDING_SPREAD))
        self.hidden = Linear(
            normal((embedding_width, hidden_width), np.sqrt(2 / embedding_width)),
            np.zeros(hidden_width, dtype),
        )
        self.rectifier = Rectifier()
        self.head: Linear | NormalizedLinear
        if normalized:
            self.head = NormalizedLinear(normal((outputs, hidden_width), 1.0))
        else:
            self.head = Linear(
                normal((hidden_width, outputs), np.sqrt(1 / hidden_width)),
                np.zeros(outputs, dtype),
            )

    def parameters(self) -> dict[str, Parameter]:
        """Everything there is to learn, by name."""
        named = {
            "embedding": self.embedding.table,
            "hidden_weight": self.hidden.weight,
            "hidden_bias": self.hidden.bias,
            "head_weight": self.head.weight,
        }
        if isinstance(self.head, Linear):
            named["head_bias"] = self.head.bias
        return named

    def forward(self, batch: scipy.sparse.csr_array) -> Array:
        """Logits (B, outputs) of sparse rows (B, V)."""
        embedded = self.embedding.forward(batch)
        return self.head.forward(self.rectifier.forward(self.hidden.forward(embedded)))

    def backward(self, logits_gradient: Array) -> None:
        """Leave every parameter's gradient in it, given that of the logits, (B, outputs)."""
        hidden_gradient = self.rectifier.backward(self.head.backward(logits_gradient))
        self.embedding.backward(self.hidden.backward(hidden_gradient))

    def scores(self, features: scipy.sparse.csr_array) -> NDArray[np.float32]:
        """Logits (N, outputs) of any number of rows, a few thousand of them at a time."""
        rows = features.shape[0]
        scores = np.empty((rows, self.outputs), np.float32)
        for start in range(0, rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, rows)
            scores[start:stop] = self.forward(features[start:stop])
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """The parameters' values by name, as `restored` takes them."""
        return {name: parameter.value for name, parameter in self.parameters().items()}

    @classmethod
    def restored(cls, state: dict[str, NDArray[Any]]) -> CityModel:
        """The model whose `state` this was."""
        buckets, embedding_width = state["embedding"].shape
        hidden_width = len(state["hidden_bias"])
        normalized = "head_bias" not in state
        outputs = len(state["head_weight"]) if normalized else len(state["head_bias"])
        model = cls(
            buckets,
            outputs,
            normalized=normalized,
            seed=0,
            widths=(embedding_width, hidden_width),
        )
        for name, parameter in model.parameters().items():
            parameter.value[...] = state[name]
        return model

"""Two heads on one hidden layer, which are one last layer twice as wide.

The first C columns of the model's outputs belong to the softmax head, the other C to the
multi-label head. Nobody but a two-head loss and whoever reads its model needs to know.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
from layers import Array
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.floating[Any])


class TwoHeadedLoss(Protocol):
    """What a loss of two heads offers; topkloss.TwoHeadAverageKLoss does."""

    def value_and_grad(
        self,
        logits: Any,
        multi_label_logits: Any,
        labels: Any,
        *,
        out: Any,
        multi_label_out: Any,
    ) -> tuple[Any, Any]:
        """The mean loss of a batch, and its gradients with respect to both heads' logits."""


class SideBySide:
    """Makes a loss of two heads one that the training loop can use."""

    def __init__(self, loss: TwoHeadedLoss) -> None:
        self._loss = loss

    def value_and_grad(
        self, logits: Array, labels: NDArray[np.int64], *, out: Array
    ) -> tuple[float, Array]:
        """logits and out: (B, 2 C), both heads'. labels: (B,)."""
        softmax_logits, multi_label_logits = heads(logits)
        softmax_out, multi_label_out = heads(out)
        value, _ = self._loss.value_and_grad(
            softmax_logits,
            multi_label_logits,
            labels,
            out=softmax_out,
            multi_label_out=multi_label_out,
        )
        return float(value), out


def heads(outputs: NDArray[Number]) -> tuple[NDArray[Number], NDArray[Number]]:
    """The two heads' own (B, C) columns of the model's outputs (B, 2 C), as views."""
    softmax_head, multi_label_head = np.hsplit(outputs, 2)
    return softmax_head, multi_label_head

"""The training loop. It knows a loss only as something that turns logits into their gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from adam import Adam
from model import CityModel
from numpy.typing import NDArray
from settings import Settings

REMEMBERED = 0.98
"""How much of the running loss is kept from one batch to the next."""


class Loss(Protocol):
    """What the loop asks of a loss."""

    def value_and_grad(self, logits: Any, labels: Any, *, out: Any) -> tuple[Any, Any]:
        """The mean loss of a batch, and its gradient with respect to the logits.

        logits: (B, C). labels: (B,). out: where to put the gradient; may be the logits.
        """


@dataclass(frozen=True)
class Timing:
    """Where a training's seconds went."""

    seconds: float
    seconds_in_loss: float
    final_loss: float
    """The running mean of the loss at the end."""


def train(
    model: CityModel,
    loss: Loss,
    features: scipy.sparse.csr_array,
    labels: NDArray[np.int64],
    settings: Settings,
    after_batch: Callable[[int, float], None],
) -> Timing:
    """Train the model in place on features (N, V) and labels (N,).

    after_batch is called with the number of rows of the batch and the running loss.
    """
    rows = features.shape[0]
    optimizer = Adam(model.parameters().values())
    random = np.random.default_rng(settings.seed)
    learning_rate = settings.learning_rate
    running_loss: float | None = None
    seconds_in_loss = 0.0
    started = perf_counter()

    for _ in range(settings.epochs):
        # One shuffled copy an epoch, so that a batch is a slice of neighbouring rows.
        order = random.permutation(rows)
        shuffled, shuffled_labels = features[order], labels[order]
        for start in range(0, rows, settings.batch_size):
            stop = min(start + settings.batch_size, rows)
            logits = model.forward(shuffled[start:stop])

            before_loss = perf_counter()
            # The gradient is written over the logits, which nobody reads again.
            value, gradient = loss.value_and_grad(logits, shuffled_labels[start:stop], out=logits)
            seconds_in_loss += perf_counter() - before_loss

            model.backward(gradient)
            optimizer.step(learning_rate)

            if running_loss is None:
                running_loss = float(value)
            running_loss += (1 - REMEMBERED) * (float(value) - running_loss)
            after_batch(stop - start, running_loss)
        learning_rate *= settings.learning_rate_decay

    return Timing(perf_counter() - started, seconds_in_loss, running_loss or 0.0)

"""The training loop: JAX's own, with a topkloss function for a loss."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]
from batches import IGNORED, Batch, Names
from losses import Method, Values
from model import Parameters, initial, logits_of
from numpy.typing import NDArray
from settings import Settings


def train(
    names: Names,
    counts: NDArray[np.int64],
    method: Method,
    settings: Settings,
    after_batch: Callable[[int, float], None],
) -> tuple[Parameters, float]:
    """The trained parameters, and the seconds that it took.

    after_batch is called with the number of the batch's rows, and a batch's mean loss.
    """
    loss: Values = method.build(counts)
    steps_per_epoch = -(-len(names.labels) // settings.batch_size)
    schedule = optax.exponential_decay(
        settings.learning_rate, steps_per_epoch, settings.learning_rate_decay, staircase=True
    )
    optimizer = optax.adam(schedule)
    parameters = initial(jax.random.key(settings.seed), len(counts))
    state = optimizer.init(parameters)

    def mean_loss(parameters: Parameters, batch: Batch, step: jax.Array) -> Any:
        logits = logits_of(parameters, batch, method.normalized)
        # One value a row, 0 for rows that only fill up the batch.
        values = loss(logits, jnp.asarray(batch.labels), step)
        return values.sum() / (batch.labels != IGNORED).sum()

    @jax.jit
    def update(
        parameters: Parameters, state: Any, batch: Batch, step: jax.Array
    ) -> tuple[Parameters, Any, jax.Array]:
        value, gradient = jax.value_and_grad(mean_loss)(parameters, batch, step)
        updates, state = optimizer.update(gradient, state)
        moved: Parameters = optax.apply_updates(parameters, updates)
        return moved, state, value

    random = np.random.default_rng(settings.seed)
    length = names.longest(settings.batch_size)
    step = 0
    started = perf_counter()
    for _ in range(settings.epochs):
        for batch in names.batches(settings.batch_size, length, random):
            parameters, state, value = update(parameters, state, batch, jnp.asarray(step))
            step += 1
            after_batch(int((batch.labels != IGNORED).sum()), float(value))
    return parameters, perf_counter() - started


def scores(
    parameters: Parameters, names: Names, normalized: bool, batch_size: int = 1024
) -> NDArray[np.float32]:
    """Scores (N, C) of all names, in order."""
    predict = jax.jit(lambda parameters, batch: logits_of(parameters, batch, normalized))
    length = names.longest(batch_size)
    parts = [np.asarray(predict(parameters, b)) for b in names.batches(batch_size, length)]
    found: NDArray[np.float32] = np.concatenate(parts)[: len(names.labels)]
    return found

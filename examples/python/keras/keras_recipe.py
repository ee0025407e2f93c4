"""A loss of topkloss in `model.compile`, beside Keras's own cross-entropy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from long_tail import CLASSES, FEATURES, Task, draw
from topkloss.keras import LogitAdjustedLoss

BATCH = 128


def train(task: Task, loss: Any, epochs: int) -> tuple[Any, list[float]]:
    """A model that has learnt the task, and its loss after each epoch."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(CLASSES),  # scores: no softmax
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    # Whole batches: JAX compiles a step for each shape.
    whole = len(task.labels) // BATCH * BATCH
    told = model.fit(
        task.inputs[:whole], task.labels[:whole], batch_size=BATCH, epochs=epochs, verbose=0
    )
    return model, told.history["loss"]


def class_average(task: Task, model: Any) -> float:
    """The model's accuracy, every class counted the same."""
    return task.class_average(lambda rows: np.asarray(keras.ops.convert_to_numpy(model(rows))))


def main(*, quick: bool) -> None:
    """Train with both losses, and say how they did. quick: on less data."""
    task = draw(200 if quick else 2000)
    losses = {
        "cross-entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "logit-adjusted": LogitAdjustedLoss(task.counts()),
    }
    for name, loss in losses.items():
        model, history = train(task, loss, epochs=6 if quick else 20)
        print(
            f"{name}: loss {history[0]:.3f} to {history[-1]:.3f}, "
            f"class average {class_average(task, model):.3f}"
        )

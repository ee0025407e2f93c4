"""Models that Keras compiles, fits, saves and loads with the losses."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import topkloss
import topkloss.keras

# Of how Keras makes NumPy's arrays of PyTorch's.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASSES, FEATURES = 8, 6
COUNTS = np.array([400, 200, 100, 50, 25, 12, 6, 6])


def drawn(counts, seed):
    """Rows around a centre for each class: near enough for the classes to overlap."""
    centres = np.random.default_rng(0).standard_normal((CLASSES, FEATURES))
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), counts))
    rows = centres[labels] + 0.8 * rng.standard_normal((len(labels), FEATURES))
    return rows.astype(np.float32), labels


def fitted(loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(CLASSES)])
    model.compile(keras.optimizers.Adam(0.1), loss, metrics=["accuracy"])
    rows, labels = drawn(COUNTS, 1)
    told = model.fit(rows, labels, batch_size=100, epochs=6, verbose=0, shuffle=False)
    return model, told.history["loss"]


def scores_of(model, rows):
    return keras.ops.convert_to_numpy(model(rows))


def class_average(model, rows, labels):
    return topkloss.metrics.topk_accuracy(scores_of(model, rows), labels, k=1, average="macro")


def test_fit_and_a_better_class_average(tmp_path):
    loss = topkloss.keras.LogitAdjustedLoss(COUNTS)
    model, history = fitted(loss)
    assert history[-1] < 0.6 * history[0]
    usual, _ = fitted(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    others = drawn(np.full(CLASSES, 50), 2)
    assert class_average(model, *others) > class_average(usual, *others) + 0.05

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.loss, topkloss.keras.LogitAdjustedLoss)
    assert loaded.loss.get_config() == loss.get_config()
    rows, labels = others
    value, _ = loaded.evaluate(rows, labels, batch_size=len(rows), verbose=0)
    expected = topkloss.LogitAdjustedLoss(COUNTS)(scores_of(model, rows), labels)
    assert value == pytest.approx(expected, rel=1e-5)

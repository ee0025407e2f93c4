"""The Keras recipe: it learns, does better by rare classes, and is saved. KERAS_BACKEND says where."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import topkloss.keras
from figures import figures
from keras_recipe import class_average, main, train
from long_tail import draw

# Of how Keras makes NumPy's arrays of its own.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(quick=True)
    usual, ours = figures(capsys.readouterr().out).values()
    assert usual.last < 0.5 * usual.first
    assert ours.last < 0.5 * ours.first
    assert ours.class_average > usual.class_average + 0.05


def test_a_model_is_saved_with_its_loss(tmp_path: Path) -> None:
    task = draw(60)
    loss = topkloss.keras.LogitAdjustedLoss(task.counts(), tau=0.5)
    model, history = train(task, loss, epochs=3)
    assert history[-1] < 0.9 * history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()
    scores = np.asarray(keras.ops.convert_to_numpy(model(task.test_inputs)))
    value, _ = loaded.evaluate(task.test_inputs, task.test_labels, batch_size=500, verbose=0)
    assert value == pytest.approx(loss.loss(scores, task.test_labels).mean(), rel=1e-5)
    assert class_average(task, loaded) == class_average(task, model)

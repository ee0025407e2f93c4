"""The Keras recipe: it learns, does better by rare classes, and is saved. KERAS_BACKEND says where."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import topkloss.keras
from keras_recipe import class_average, main, train
from long_tail import draw

# Of how Keras makes NumPy's arrays of its own.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick"])
    lines = re.findall(
        r"^(\S+): loss (\S+) to (\S+), class average (\S+)$", capsys.readouterr().out, re.M
    )
    assert [name for name, *_ in lines] == ["cross-entropy", "logit-adjusted"]
    usual, adjusted = (tuple(map(float, figures)) for _, *figures in lines)
    for before, after, _ in (usual, adjusted):
        assert after < 0.5 * before
    assert adjusted[2] > usual[2] + 0.05


def test_a_model_is_saved_with_its_loss(tmp_path: Path) -> None:
    task = draw(60)
    loss = topkloss.keras.LogitAdjustedLoss(task.counts(), tau=0.5)
    model, _ = train(task, loss, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()
    scores = np.asarray(keras.ops.convert_to_numpy(model(task.test_inputs)))
    value, _ = loaded.evaluate(task.test_inputs, task.test_labels, batch_size=500, verbose=0)
    assert value == pytest.approx(loss.loss(scores, task.test_labels).mean(), rel=1e-5)
    assert class_average(task, loaded) == class_average(task, model)

"""The example's own parts, and the whole of it on a few names."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from batches import BUCKETS, IGNORED, Names
from command_line import LOSSES
from geonames import Cities
from losses import METHODS
from model import initial, logits_of

HERE = Path(__file__).resolve().parent
NAMES = ["Paris", "Łódź", "Llanfairpwllgwyngyll", "Ii", "Rio de Janeiro"]


def few_names() -> Names:
    labels = np.arange(5) % 3
    return Names.of(Cities(NAMES, labels, ["A", "B", "C"], np.ones(5, np.int64)))


def test_batches_hold_every_row_once() -> None:
    names = few_names()
    length = names.longest(2)
    batches = list(names.batches(2, length, np.random.default_rng(0)))
    assert [len(batch.ngrams) for batch in batches] == [length] * 3
    labels = np.concatenate([batch.labels for batch in batches])
    assert sorted(labels[labels != IGNORED]) == sorted(names.labels)
    assert (labels == IGNORED).sum() == 1


@pytest.mark.parametrize("normalized", [False, True])
def test_model_against_dense_rows(normalized: bool) -> None:
    names = few_names()
    parameters = initial(jax.random.key(0), 3)
    (batch,) = names.batches(8, names.longest(8))
    found = logits_of(parameters, batch, normalized)
    weights = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    assert names.features.shape == (5, BUCKETS)
    hidden = names.features.toarray() @ weights["embedding"] @ weights["hidden"]
    hidden = np.maximum(hidden + weights["hidden_bias"], 0)
    head = weights["head"]
    if normalized:
        hidden = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
        head = head / np.linalg.norm(head, axis=0)
    expected = hidden @ head + (0 if normalized else weights["head_bias"])
    np.testing.assert_allclose(found[:5], expected, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_every_loss_is_finite_and_has_a_gradient(name: str) -> None:
    counts = np.arange(30, 0, -1) ** 2
    loss = METHODS[name].build(counts)
    logits = jax.random.uniform(jax.random.key(0), (4, 30), minval=-1.0)
    labels = jnp.array([0, 2, IGNORED, 29])
    values = jax.jit(loss)(logits, labels, jnp.asarray(3))
    gradient = jax.grad(lambda z: loss(z, labels, jnp.asarray(3)).sum())(logits)
    assert values.shape == (4,)
    assert values[2] == 0
    assert np.isfinite(values).all()
    assert not gradient[2].any()
    assert gradient[jnp.array([0, 1, 3])].any()


def test_quick_run() -> None:
    """From another folder, as a user would; it learns something in its one epoch."""
    finished = subprocess.run(
        [sys.executable, str(HERE), "--quick", "--loss", "noised-top5"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "COLUMNS": "200"},
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    figures = re.search(r"noised-top5, top-1 .* top-5 (0\.\d+) \(class average", finished.stdout)
    assert figures is not None, finished.stdout
    # The five largest countries alone have 0.36 of the names.
    assert float(figures[1]) > 0.4


@pytest.mark.parametrize(
    "wrong", ["--epochs 0", "--batch-size -1", "--seed -1", "--seed 4294967296", "--epochs x"]
)
def test_wrong_options_are_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(HERE), *wrong.split()])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(HERE / "__main__.py"), run_name="__main__")
    assert ended.value.code == 2
    assert f"argument {wrong.split()[0]}: expected a" in capsys.readouterr().err


def test_every_loss_can_be_asked_for() -> None:
    assert tuple(METHODS) == LOSSES

"""The demo's own parts against numbers worked out without them. No training to speak of."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse  # type: ignore[import-untyped]
from adam import Adam
from data import Cities, load_cities, split_cities, thin_out
from features import BUCKETS, hash_names
from layers import Array, NormalizedLinear, Parameter
from model import CityModel
from numpy.typing import NDArray
from settings import Settings
from storage import SavedModel, UnreadableModelError, load, model_path, save
from training import train

HERE = Path(__file__).resolve().parent


class SoftmaxLoss:
    """Mean cross-entropy, written out here so that these tests need no topkloss."""

    def value_and_grad(
        self, logits: Array, labels: NDArray[np.int64], *, out: Array
    ) -> tuple[float, Array]:
        rows = np.arange(len(labels))
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        value = -np.log(probabilities[rows, labels]).mean()
        probabilities[rows, labels] -= 1
        out[...] = probabilities / len(labels)
        return float(value), out


def small_batch(random: np.random.Generator) -> scipy.sparse.csr_array:
    """4 rows over 9 buckets, of which buckets 0 and 8 stay empty; bucket 3 is in every row."""
    dense = random.uniform(0.1, 1.0, (4, 9)) * (random.uniform(size=(4, 9)) < 0.5)
    dense[:, [0, 8]] = 0.0
    dense[:, 3] = 0.25
    return scipy.sparse.csr_array(dense)


@pytest.mark.parametrize("normalized", [False, True])
def test_backward_agrees_with_central_differences(normalized: bool) -> None:
    random = np.random.default_rng(3)
    model = CityModel(9, 5, normalized=normalized, seed=1, widths=(3, 6), dtype=np.float64)
    batch = small_batch(random)
    # The gradient of sum(direction * logits) with respect to the logits is the direction.
    direction = random.standard_normal((4, 5))

    def value() -> float:
        return float((direction * model.forward(batch)).sum())

    value()
    model.backward(direction.copy())
    for name, parameter in model.parameters().items():
        assert parameter.gradient is not None
        claimed = np.zeros_like(parameter.value)
        claimed[... if parameter.rows is None else parameter.rows] = parameter.gradient
        measured = np.zeros_like(parameter.value)
        step = 1e-6
        for index in np.ndindex(parameter.value.shape):
            kept = parameter.value[index]
            parameter.value[index] = kept + step
            above = value()
            parameter.value[index] = kept - step
            below = value()
            parameter.value[index] = kept
            measured[index] = (above - below) / (2 * step)
        assert np.abs(measured).max() > 1e-3, f"{name} has no effect: nothing was checked"
        np.testing.assert_allclose(claimed, measured, rtol=1e-6, atol=1e-8, err_msg=name)


def test_an_untouched_embedding_row_has_no_gradient() -> None:
    model = CityModel(9, 5, normalized=False, seed=1, widths=(3, 6))
    batch = small_batch(np.random.default_rng(3))
    model.forward(batch)
    model.backward(np.ones((4, 5), np.float32))
    rows = model.embedding.table.rows
    assert rows is not None
    assert rows.tolist() == np.flatnonzero(batch.toarray().any(axis=0)).tolist()
    assert not {0, 8} & set(rows.tolist())


def test_normalized_logits_are_cosines() -> None:
    head = NormalizedLinear(np.array([[2.0, 0.0], [0.0, -5.0], [3.0, 3.0]]))
    cosines = head.forward(np.array([[7.0, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(cosines, [[1.0, 0.0, 0.5**0.5], [0.0, 0.0, 0.0]], atol=1e-15)


def test_adam_takes_the_steps_worked_out_by_hand() -> None:
    # Gradients 1, then -1. First step: both corrected moments are 1, so the step is the rate.
    # Second: m = 0.9 · 0.1 - 0.1 = -0.01, corrected -0.01 / 0.19; v corrected is 1 again.
    parameter = Parameter(np.array([5.0]), np.array([1.0]))
    adam = Adam([parameter])
    adam.step(0.1)
    np.testing.assert_allclose(parameter.value, [4.9], rtol=1e-8)
    parameter.gradient = np.array([-1.0])
    adam.step(0.1)
    np.testing.assert_allclose(parameter.value, [4.9 + 0.1 * 0.01 / 0.19], rtol=1e-8)


def test_lazy_adam_moves_the_touched_rows_alone() -> None:
    parameter = Parameter(np.full((3, 2), 5.0), np.array([[1.0, -4.0]]), np.array([1]))
    adam = Adam([parameter])
    adam.step(0.1)
    np.testing.assert_allclose(parameter.value, [[5.0, 5.0], [4.9, 5.1], [5.0, 5.0]], rtol=1e-8)
    # Row 1 is not touched now: what it remembers does not carry it on. Row 0 was never touched
    # before: m = 0.1 and v = 0.001, corrected as in any second step.
    parameter.gradient, parameter.rows = np.array([[1.0, 1.0]]), np.array([0])
    adam.step(0.1)
    second_step = 0.1 * (0.1 / 0.19) / (0.001 / 0.001999) ** 0.5
    expected = [[5.0 - second_step] * 2, [4.9, 5.1], [5.0, 5.0]]
    np.testing.assert_allclose(parameter.value, expected, rtol=1e-7)
    # Row 1 again: it goes on from the moments that it had, m = ±0.1 · 0.9 and v = 0.001 · 0.999
    # (4 and 16 times those for the -4), to which a gradient of zero adds nothing.
    parameter.gradient, parameter.rows = np.array([[0.0, 0.0]]), np.array([1])
    adam.step(0.1)
    third_step = 0.1 * (0.09 / 0.271) / (0.000999 / 0.002997001) ** 0.5
    expected[1] = [4.9 - third_step, 5.1 + third_step]
    np.testing.assert_allclose(parameter.value, expected, rtol=1e-7)


def test_a_name_is_hashed_to_known_buckets() -> None:
    # |MurmurHash3_x86_32(n-gram in UTF-8, seed 0)| mod 2**17, from a separate implementation,
    # of: ^ a é $ ^a aé é$ ^aé aé$ ^aé$
    buckets = [21210, 92594, 67463, 55173, 104744, 3279, 81467, 69974, 95903, 114219]
    assert BUCKETS == 2**17
    row = hash_names(["aé"])
    assert row.dtype == np.float32
    assert sorted(row.indices.tolist()) == sorted(buckets)
    np.testing.assert_allclose(row.data, 0.1, rtol=1e-6)


def test_case_and_unicode_spelling_do_not_matter_but_accents_do() -> None:
    rows = hash_names(["San José", " san JOSE\u0301", "San Jose"]).toarray()
    assert (rows[0] == rows[1]).all()
    assert (rows[0] != rows[2]).any()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-5)


@pytest.fixture(scope="module")
def cities() -> Cities:
    return load_cities()


def test_the_data_are_those_described(cities: Cities) -> None:
    counts = cities.counts()
    assert len(cities.names) == len(cities.labels) == counts.sum() > 160_000
    assert len(cities.countries) == len(counts) == 215
    assert counts.min() >= 10
    paris = [cities.countries[cities.labels[i]] for i, n in enumerate(cities.names) if n == "Paris"]
    assert {"France", "United States"} <= set(paris)
    assert cities.found_in[cities.names.index("Paris")] == len(set(paris))


def test_the_split_is_stratified_and_loses_nothing(cities: Cities) -> None:
    split = split_cities(cities, seed=0)
    parts = (split.training, split.validation, split.test)
    counts = cities.counts()
    np.testing.assert_array_equal(sum(part.counts() for part in parts), counts)
    assert np.abs(split.test.counts() - counts / 5).max() <= 1
    assert np.abs(split.validation.counts() - counts / 10).max() <= 1
    assert min(part.counts().min() for part in parts) >= 1
    assert split.training.counts().max() > 1700 * split.training.counts().min()
    assert sorted(name for part in parts for name in part.names) == sorted(cities.names)
    assert sum(part.found_in.sum() for part in parts) == cities.found_in.sum()


def test_thinning_out_keeps_every_country(cities: Cities) -> None:
    few = thin_out(cities, 0.25, seed=0).counts()
    expected = np.maximum(np.ceil(cities.counts() / 4), 10)
    assert (few == expected).all()


@pytest.mark.parametrize("normalized", [False, True])
def test_training_learns_and_a_saved_model_answers_the_same(
    normalized: bool, tmp_path: Path
) -> None:
    # Ends decide: names in -burg are 0, in -ville 1, in -grad 2.
    stems = ["ar", "bel", "cor", "dan", "el", "fon", "gar", "hol", "in", "jor"]
    names = [stem + end for stem in stems for end in ("burg", "ville", "grad")]
    labels = np.tile(np.arange(3), len(stems))
    features = hash_names(names)
    model = CityModel(BUCKETS, 3, normalized=normalized, seed=0, widths=(8, 16))
    seen: list[tuple[int, float]] = []

    def after_batch(rows: int, loss: float) -> None:
        seen.append((rows, loss))

    settings = Settings(epochs=30, batch_size=8, learning_rate=0.02, learning_rate_decay=1.0)
    timing = train(model, SoftmaxLoss(), features, labels, settings, after_batch)
    assert [rows for rows, _ in seen[:4]] == [8, 8, 8, 6]
    assert len(seen) == 30 * 4
    assert timing.final_loss == seen[-1][1] < seen[0][1]
    assert 0 < timing.seconds_in_loss < timing.seconds
    new = hash_names(["muburg", "opville", "ungrad"])
    assert model.scores(new).argmax(axis=1).tolist() == [0, 1, 2]

    path = tmp_path / "model.npz"
    save(SavedModel(model, ["A", "B", "Ç"], np.bincount(labels), 30, {"some-way": 0.25}), path)
    restored = load(path)
    assert (restored.model.scores(new) == model.scores(new)).all()
    assert restored.model.normalized == normalized
    assert restored.thresholds == {"some-way": 0.25}
    assert (restored.countries, restored.counts.tolist(), restored.epochs) == (
        ["A", "B", "Ç"],
        [10, 10, 10],
        30,
    )


def test_another_file_is_not_taken_for_a_model(tmp_path: Path) -> None:
    for content in (b"", b"something else"):
        path = tmp_path / "model.npz"
        path.write_bytes(content)
        with pytest.raises(UnreadableModelError, match=r"model\.npz is not a model"):
            load(path)


def run_demo(*arguments: Any) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("topkloss")
    return subprocess.run(
        [sys.executable, str(HERE), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


def test_help_names_every_option_and_loss() -> None:
    shown = run_demo("--help")
    assert shown.returncode == 0, shown.stderr
    for word in (
        *(
            "--quick",
            "--tune",
            "--losses",
            "--epochs",
            "--batch-size",
            "--seed",
            "--output",
            "--predict",
        ),
        *("cross-entropy", "post-hoc", "logit-adjusted", "ldam", "elm"),
        *("noised-top5", "noised-top5-exact", "noised-top5-imbalanced"),
        *("outlying-mse", "two-head"),
    ):
        assert word in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--epochs", "0"], "--epochs: expected a whole number of at least 1, got '0'"),
        (["--batch-size", "many"], "--batch-size: expected a whole number of at least 1"),
        (
            ["--seed", "-1"],
            "--seed: expected a whole number of at least 0 and at most 4294967295, got '-1'",
        ),
        (["--losses", "hinge"], "--losses: invalid choice: 'hinge'"),
        (["--predict", " "], "--predict: expected the name of a city, got an empty one"),
        (["-k", "0"], "-k: expected a whole number of at least 1"),
    ],
)
def test_bad_arguments_are_refused_in_plain_words(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments_of_the_demo = pytest.importorskip("arguments")
    with pytest.raises(SystemExit) as refused:
        arguments_of_the_demo.parse(arguments)
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err


def refusal(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> str:
    """What the demo ends with: the text that Python writes for it, with the exit status 1."""
    pytest.importorskip("topkloss")
    monkeypatch.setattr(sys, "argv", [str(HERE), *map(str, arguments)])
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(str(HERE / "__main__.py"), run_name="__main__")
    assert isinstance(refused.value.code, str)
    return refused.value.code


def test_a_model_without_a_threshold_is_refused_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = CityModel(BUCKETS, 3, normalized=False, seed=0, widths=(2, 2))
    path = model_path(tmp_path, "cross-entropy")
    save(SavedModel(model, ["A", "B", "C"], np.ones(3, np.int64), 1, {}), path)
    complaint = refusal(monkeypatch, "--output", tmp_path, "--predict", "Paris")
    assert "has no threshold for cross-entropy" in complaint


def test_an_output_folder_that_cannot_be_is_refused_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "error: cannot use" in refusal(monkeypatch, "--output", tmp_path / "file" / "folder")

"""The example's data, and the whole of it on a few cities."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import boosters
import command_line
import numpy as np
import pytest
from boosters import LOSSES
from cities import MINIMUM_CITIES, load_cities, numbers, split_cities

HERE = Path(__file__).resolve().parent


def test_numbers_of_names() -> None:
    found = numbers(["Bonn", "Sankt Ab"], [0.0, np.e - 1], [50.7, 47.0])
    assert found.dtype == np.float32
    # The most frequent letter is n, three times; then b, twice.
    np.testing.assert_array_equal(found[:, 0], [2, 1])
    np.testing.assert_array_equal(found[:, 1], [1, 1])
    np.testing.assert_array_equal(found[:, -4:-2], [[4, 1], [8, 2]])
    expected = np.array([[0, 50.7], [1, 47]], np.float32)
    np.testing.assert_allclose(found[:, -2:], expected, rtol=1e-6)


def test_split() -> None:
    cities = load_cities()
    assert min(cities.counts()) >= MINIMUM_CITIES
    assert max(cities.counts()) > 500 * min(cities.counts())
    train, test = split_cities(cities, 0.05, seed=0)
    assert len(train.countries) == len(test.countries) == len(cities.countries)
    assert min(train.counts()) >= 7
    assert min(test.counts()) >= 3


def test_quick_run() -> None:
    """From another folder; plain cross-entropy is as good as built-in, adjustment helps rare."""
    assert "built-in" in LOSSES
    losses = ["built-in", "cross-entropy", "logit-adjusted"]
    finished = subprocess.run(
        [sys.executable, str(HERE), "--quick", "--losses", *losses],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    for library in ("XGBoost", "LightGBM"):
        accuracy = {}
        for loss in losses:
            row = re.search(rf"{library} +│ {loss} +│ (0\.\d+) │ (0\.\d+) ", finished.stdout)
            assert row is not None, finished.stdout
            accuracy[loss] = float(row[1]), float(row[2])
        same = np.subtract(accuracy["cross-entropy"], accuracy["built-in"])
        # LightGBM's trees are the same; XGBoost's Hessian is its own affair.
        assert np.abs(same).max() < (0.02 if library == "LightGBM" else 0.1)
        assert accuracy["logit-adjusted"][1] > accuracy["built-in"][1] + 0.03


@pytest.mark.parametrize(
    "wrong", ["--rounds 0", "--share 0", "--share 1.5", "--share nan", "--seed -1"]
)
def test_wrong_options_are_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(HERE), *wrong.split()])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(HERE / "__main__.py"), run_name="__main__")
    assert ended.value.code == 2
    assert f"argument {wrong.split()[0]}: expected a" in capsys.readouterr().err


def test_everything_can_be_asked_for() -> None:
    assert tuple(boosters.LOSSES) == command_line.LOSSES
    assert tuple(boosters.LIBRARIES) == command_line.LIBRARIES

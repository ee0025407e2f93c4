"""The whole example on a few names."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def test_quick_run() -> None:
    """From another folder; adjustment wins the class average, and sets have the size asked for."""
    finished = subprocess.run(
        [sys.executable, str(HERE), "--quick"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    balanced = {}
    for loss in ("cross_entropy", "logit_adjusted"):
        row = re.search(rf"{loss} +│[^│]*│ 10 +│ (0\.\d+) +│ (0\.\d+)", finished.stdout)
        assert row is not None, finished.stdout
        balanced[loss] = float(row[2])
    assert balanced["logit_adjusted"] > balanced["cross_entropy"]
    assert "Best: logit_adjusted" in finished.stdout
    size = re.search(r"Sets of (\d\.\d+) countries .* for (0\.\d+) of", finished.stdout)
    assert size is not None, finished.stdout
    assert 4 < float(size[1]) < 6
    # Five countries for every name, the largest ones, hold 0.36.
    assert float(size[2]) > 0.4
    assert re.search(r"Paris: \w+", finished.stdout)


@pytest.mark.parametrize(
    "wrong", ["--folds 1", "--share 0", "--share inf", "--seed -1", "--seed 4294967296"]
)
def test_wrong_options_are_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(HERE), *wrong.split()])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(HERE / "__main__.py"), run_name="__main__")
    assert ended.value.code == 2
    assert f"argument {wrong.split()[0]}: expected a" in capsys.readouterr().err

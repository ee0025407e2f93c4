"""The script for a machine with a GPU, where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from topkloss._library import library

import device
from device_check import LIMITS
from library import cuda_library


def check(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """Runs it with the stand-in driver."""
    report = folder / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, str(device.HERE / "device_check.py"), "--played"),
            *("--library", library._name, "--cuda-library", str(cuda_library())),
            *("--json", str(report), *words),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(report.read_text()), done.stdout + done.stderr


def test_all_parts_are_reported(tmp_path: Path) -> None:
    status, report, said = check(tmp_path)
    assert status == 0, said
    assert list(report) == list(LIMITS)
    assert sum(LIMITS.values()) < 480
    assert report["correctness"]["tried"] >= 3
    assert set(report["compilation"]["seconds"]) == {file.stem for file in device.PTX.glob("*.ptx")}
    assert "skipped" in report["speed"]
    assert "nothing was wrong" in said


def test_what_is_wrong_is_said_and_the_rest_done(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.so")
    status, report, said = check(tmp_path, "--cuda-library", absent, "correctness", "graph")
    assert status == 1
    assert absent in report["correctness"]["failed"]
    assert "skipped" in report["graph"]
    assert "wrong: correctness" in said

"""Tests find the demo's types of options, as the program does; both data sets are made once for all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from made_files import write


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both data sets, made."""
    made = tmp_path_factory.mktemp("made")
    write(made, "cifar10", rows=20, test_rows=4, seed=1)
    write(made, "cifar100", rows=3, test_rows=1, seed=1)
    return made

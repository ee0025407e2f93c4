"""Fixtures for all tests."""

from __future__ import annotations

import gc
import zlib
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

# What it keeps goes where pytest keeps things, which git ignores.
set_hypothesis_home_dir(Path(__file__).parents[1] / ".pytest_cache" / "hypothesis")
# One machine is slower than another: a deadline would fail there for no reason.
hypothesis.settings.register_profile("topkloss", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("topkloss")


def pytest_collection_finish() -> None:
    """What has been imported by now stays: no collection of garbage need look through it."""
    gc.freeze()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that are a test's own and the same in every run."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))

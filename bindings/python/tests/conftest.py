"""Fixtures for all tests."""

from __future__ import annotations

import zlib

import hypothesis
import numpy as np
import pytest

# One machine is slower than another: a deadline would fail there for no reason.
hypothesis.settings.register_profile("topkloss", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("topkloss")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that are a test's own and the same in every run."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))

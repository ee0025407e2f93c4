"""Tests import the demo's modules as the program does."""

import geonames_demo  # noqa: F401

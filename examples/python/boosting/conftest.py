"""Tests find the demo's types of options, as the program does."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

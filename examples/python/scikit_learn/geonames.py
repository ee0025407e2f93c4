"""The data of the GeoNames demo beside this example, which are used as they are."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from data import Cities, Split, load_cities, split_cities, thin_out
from features import marked

__all__ = ["Cities", "Split", "load_cities", "marked", "split_cities", "thin_out"]

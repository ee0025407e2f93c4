"""Makes the modules of the demo beside this example importable: data, features and settings."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "geonames"

if str(FOLDER) not in sys.path:
    # Behind this example's own folder, so that its modules come first.
    sys.path.insert(1, str(FOLDER))

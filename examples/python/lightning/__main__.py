"""A Lightning module trained with a loss of topkloss.

Run it as `python examples/python/lightning`; `--help` lists the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Behind this folder: the data are those of all recipes.
sys.path.append(str(Path(__file__).resolve().parents[1] / "made"))

from quick import parser

# First, for --help needs nothing of what follows.
QUICK = parser("lightning", __doc__).parse_args().quick

try:
    from lightning_recipe import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[torch] from "
        "bindings/python, and lightning."
    )

if __name__ == "__main__":
    main(quick=QUICK)

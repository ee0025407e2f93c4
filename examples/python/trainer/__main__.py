"""Hugging Face's Trainer with a loss of topkloss and gradient accumulation.

Run it as `python examples/python/trainer`; `--help` lists the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Behind this folder: the options are those of all recipes.
sys.path.append(str(Path(__file__).resolve().parents[1] / "made"))

from quick import parser

# First, for --help needs nothing of what follows.
QUICK = parser("trainer", __doc__).parse_args().quick

try:
    from trainer_recipe import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[torch] from "
        "bindings/python, and transformers[torch]."
    )

if __name__ == "__main__":
    main(quick=QUICK)

"""A Keras model trained with a loss of topkloss, in PyTorch or JAX.

Run it as `KERAS_BACKEND=torch python examples/python/keras`; `--help` lists the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Behind this folder: the data are those of all recipes.
sys.path.append(str(Path(__file__).resolve().parents[1] / "made"))

from quick import parser

# First, for --help needs nothing of what follows.
QUICK = parser("keras", __doc__).parse_args().quick

try:
    from keras_recipe import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[keras] from "
        "bindings/python, and PyTorch or JAX, whichever KERAS_BACKEND says."
    )

if __name__ == "__main__":
    main(quick=QUICK)

"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse

from option_types import fold_number, seed_number, share_number

SHARE = 0.1


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python examples/python/scikit_learn",
        description="The country of a city from its name: a scikit-learn pipeline with topkloss losses.",
    )
    parser.add_argument(
        "--share", type=share_number, metavar="X", help=f"of the names; default: {SHARE}"
    )
    parser.add_argument("--folds", type=fold_number, metavar="N", help="default: 3")
    parser.add_argument("--seed", type=seed_number, metavar="N", default=0, help="default: 0")
    parser.add_argument(
        "--quick", action="store_true", help="few names, two fits a fold: to see it run"
    )
    return parser.parse_args()

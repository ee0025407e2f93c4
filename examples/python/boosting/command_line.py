"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse

from option_types import positive_number, seed_number, share_number

LIBRARIES = ("XGBoost", "LightGBM")
LOSSES = ("built-in", "cross-entropy", "half-adjusted", "logit-adjusted", "outlying-mse")
"""The names in `boosters`."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python examples/python/boosting",
        description="The country of a European city by boosted trees, with objectives for long tails.",
    )
    parser.add_argument(
        "--libraries",
        nargs="+",
        choices=LIBRARIES,
        default=list(LIBRARIES),
        metavar="NAME",
        help=f"of {', '.join(LIBRARIES)}; default: both",
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        choices=LOSSES,
        default=list(LOSSES),
        metavar="NAME",
        help=f"of {', '.join(LOSSES)}; default: all",
    )
    parser.add_argument("--rounds", type=positive_number, metavar="N", help="of trees; default: 20")
    parser.add_argument(
        "--share", type=share_number, metavar="X", help="of the cities; default: 0.25"
    )
    parser.add_argument("--seed", type=seed_number, metavar="N", default=0, help="default: 0")
    parser.add_argument("--quick", action="store_true", help="few cities and rounds: to see it run")
    return parser.parse_args()

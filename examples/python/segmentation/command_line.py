"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from option_types import positive_number, seed_number
from settings import Settings

LOSSES = ("cross-entropy", "weighted", "logit-adjusted", "seesaw", "outlying-mse")
"""The names in `criteria.CRITERIA`."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, the process's own if none is given."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python examples/python/segmentation",
        description="Segmentation of street scenes with rare classes, once for each loss.",
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        choices=LOSSES,
        default=list(LOSSES),
        metavar="NAME",
        help=f"of {', '.join(LOSSES)}; default: all",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="compare values of each loss's constant instead, on validation scenes",
    )
    parser.add_argument("--scenes", type=positive_number, metavar="N", help="default: 200")
    parser.add_argument(
        "--epochs", type=positive_number, metavar="N", help=f"default: {defaults.epochs}"
    )
    parser.add_argument("--seed", type=seed_number, metavar="N", default=0, help="default: 0")
    parser.add_argument("--quick", action="store_true", help="few scenes and epochs: to see it run")
    return parser.parse_args(arguments)

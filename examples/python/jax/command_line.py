"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse

from option_types import positive_number, seed_number
from settings import Settings

LOSSES = (
    "cross-entropy",
    "logit-adjusted",
    "focal",
    "ldam",
    "elm",
    "topk-hinge",
    "noised-top5",
    "noised-top5-exact",
    "smooth-top5-svm",
    "outlying-mse",
)
"""The names in `losses.METHODS`."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python examples/python/jax",
        description="The country of a city from its name, in JAX and optax, with a topkloss loss.",
    )
    parser.add_argument(
        "--loss", choices=LOSSES, default="logit-adjusted", help="default: %(default)s"
    )
    parser.add_argument(
        "--epochs", type=positive_number, metavar="N", help=f"default: {defaults.epochs}"
    )
    parser.add_argument(
        "--batch-size", type=positive_number, metavar="N", default=256, help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=seed_number, metavar="N", default=0, help="default: %(default)s"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the names, one epoch: to see it run"
    )
    return parser.parse_args()

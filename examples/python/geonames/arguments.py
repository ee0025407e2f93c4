"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from option_types import city_name, positive_number, seed_number
from settings import Settings

METHODS = (
    "cross-entropy",
    "post-hoc",
    "logit-adjusted",
    "ldam",
    "elm",
    "noised-top5",
    "noised-top5-exact",
    "noised-top5-imbalanced",
    "outlying-mse",
    "two-head",
)
"""The names in `losses.METHODS`."""

DEFAULT_OUTPUT = Path(__file__).resolve().parent / "output"

QUICK_EPOCHS = 2
QUICK_SHARE = 0.3
"""The share of every country's cities that --quick uses."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, the process's own if none is given."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python examples/python/geonames",
        description=(
            "Learns which country a city is in from its name alone, once for each loss, "
            "and compares them. With --predict: answers for names, by a model of an earlier run."
        ),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_SHARE:g} of the names and {QUICK_EPOCHS} epochs: to see it run, not to "
        "compare losses",
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        metavar="NAME",
        choices=METHODS,
        default=list(METHODS),
        help=f"which to compare, of: {', '.join(METHODS)} (default: all)",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="compare values of each method's constant instead, on the validation names",
    )
    parser.add_argument(
        "--epochs",
        type=positive_number,
        metavar="N",
        help=f"passes over the training names (default: {defaults.epochs})",
    )
    parser.add_argument(
        "--batch-size",
        type=positive_number,
        metavar="N",
        default=defaults.batch_size,
        help="names a training step (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=seed_number,
        metavar="N",
        default=defaults.seed,
        help="of the split, the weights and the order of the names (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=DEFAULT_OUTPUT,
        help="where models, figures and pictures go (default: output beside this program)",
    )
    prediction = parser.add_argument_group("answers for names")
    prediction.add_argument(
        "--predict",
        nargs="+",
        type=city_name,
        metavar="CITY",
        help="names to tell the country of; nothing is trained if a model is there",
    )
    prediction.add_argument(
        "--loss-for-predict",
        metavar="NAME",
        choices=METHODS,
        default="cross-entropy",
        help="whose model answers (default: %(default)s)",
    )
    prediction.add_argument(
        "-k",
        type=positive_number,
        metavar="K",
        default=5,
        help="how many countries to list for a name (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    options.losses = list(dict.fromkeys(options.losses))
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """How to train, from the parsed command line."""
    epochs = options.epochs or (QUICK_EPOCHS if options.quick else Settings().epochs)
    return Settings(epochs=epochs, batch_size=options.batch_size, seed=options.seed)

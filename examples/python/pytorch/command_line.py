"""The command line. It is read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import geonames_demo  # noqa: F401
from arguments import METHODS, QUICK_EPOCHS, QUICK_SHARE
from option_types import positive_number, seed_number, whole_number_from
from settings import Settings

LOSSES = tuple(name for name in METHODS if name != "post-hoc")
"""All of the demo's that are trained: the names in `criteria.CRITERIA`."""

CLASS_WEIGHTED = ("cross-entropy", "logit-adjusted", "ldam", "elm")
"""Those that take class weights."""

DEFAULT = ("cross-entropy", "logit-adjusted", "ldam", "noised-top5")

MOST_THREADS = 1024


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, the process's own if none is given."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python examples/python/pytorch",
        description=(
            "Learns in PyTorch which country a city is in from its name, with any loss of "
            "topkloss, and says how well it does and what share of a training step is the loss's."
        ),
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        metavar="NAME",
        choices=[*LOSSES, "all"],
        default=list(DEFAULT),
        help=f"which to train with, one after another: all, or some of {', '.join(LOSSES)} "
        f"(default: {' '.join(DEFAULT)})",
    )
    parser.add_argument(
        "--drw",
        type=positive_number,
        metavar="EPOCH",
        help="deferred re-weighting: from this epoch on (1 is the first), weight classes by the "
        "effective number of their names",
    )
    parser.add_argument(
        "--autocast", action="store_true", help="mixed precision: logits in bfloat16"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile, with the loss inside the graph"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_SHARE:g} of the names and {QUICK_EPOCHS} epochs: to see it run",
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
        "--threads",
        type=whole_number_from(1, MOST_THREADS),
        metavar="N",
        default=1,
        help="threads of PyTorch's own, whose matrices are small here (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if "all" in options.losses:
        options.losses = list(LOSSES)
    options.losses = list(dict.fromkeys(options.losses))
    if options.drw is not None:
        without = [name for name in options.losses if name not in CLASS_WEIGHTED]
        if without:
            parser.error(f"--drw: these losses take no class weights: {', '.join(without)}")
        epochs = settings_of(options).epochs
        if options.drw > epochs:
            parser.error(f"--drw: there are only {epochs} epochs, got {options.drw}")
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """How to train, from the parsed command line: as the demo does."""
    epochs = options.epochs or (QUICK_EPOCHS if options.quick else Settings().epochs)
    return Settings(epochs=epochs, batch_size=options.batch_size, seed=options.seed)

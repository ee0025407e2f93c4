"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from formats import FORMATS
from option_types import positive_number, seed_number
from recipes import RECIPES
from schedule import Schedule

QUICK_EPOCHS, QUICK_DEPTH = 5, 8
FACTORS = (10, 50, 100)


def depth_number(text: str) -> int:
    """Layers of a ResNet for CIFAR: 6n + 2."""
    depth = positive_number(text)
    if depth < 8 or depth % 6 != 2:
        raise argparse.ArgumentTypeError(f"expected 6n + 2, as 20, 32 or 44, got {text!r}")
    return depth


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, the process's own if none is given."""
    parser = argparse.ArgumentParser(
        prog="python examples/python/cifar_lt",
        description="Trains a ResNet-32 on long-tailed CIFAR by the schedule of Cao et al. "
        "(NeurIPS 2019), with losses of topkloss and the constants of their papers.",
    )
    parser.add_argument(
        "--recipe",
        nargs="+",
        metavar="NAME",
        choices=[*RECIPES, "all"],
        default=["ldam-drw"],
        help=f"all, or some of {', '.join(RECIPES)} (default: ldam-drw)",
    )
    parser.add_argument(
        "--list", action="store_true", help="say where each one's constants are from"
    )
    parser.add_argument(
        "--data-set", choices=FORMATS, default="cifar10", help="default: %(default)s"
    )
    parser.add_argument(
        "--factor",
        type=int,
        choices=FACTORS,
        default=100,
        help="the most frequent class's pictures to the rarest's (default: %(default)s)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        default=Path("data"),
        help="where cifar-10-batches-py or cifar-100-python is (default: %(default)s)",
    )
    source.add_argument(
        "--made",
        action="store_true",
        help="a few pictures made here, in files of CIFAR's format: to see it run",
    )
    parser.add_argument(
        "--download", action="store_true", help="let torchvision fetch the files into that folder"
    )
    parser.add_argument(
        "--epochs",
        type=positive_number,
        metavar="N",
        help=f"default: {Schedule().epochs}; others stretch the whole schedule",
    )
    parser.add_argument(
        "--depth", type=depth_number, metavar="N", help="layers of the ResNet (default: 32)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_EPOCHS} epochs of a ResNet-{QUICK_DEPTH}",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FOLDER",
        help="write a file there after every epoch, and go on from those that are there",
    )
    parser.add_argument("--seed", type=seed_number, metavar="N", default=0, help="default: 0")
    parser.add_argument("--device", metavar="NAME", default="cpu", help="as cuda (default: cpu)")
    options = parser.parse_args(arguments)
    if options.made and options.download:
        parser.error("--download: not with --made, which writes its own files")
    if "all" in options.recipe:
        options.recipe = list(RECIPES)
    options.recipe = list(dict.fromkeys(options.recipe))
    options.epochs = options.epochs or (QUICK_EPOCHS if options.quick else Schedule().epochs)
    options.depth = options.depth or (QUICK_DEPTH if options.quick else 32)
    return options

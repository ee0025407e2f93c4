"""Segmentation of street scenes with rare classes, once for each loss, compared by mean IoU.

Run it as `python examples/python/segmentation`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

# Behind this folder: types of options are those of the demo.
sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from command_line import parse
from settings import Settings

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    import numpy as np
    from criteria import CRITERIA
    from figures import Figures, figures
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from scenes import CLASSES, Scenes, draw
    from training import predict, train
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[torch] from "
        "bindings/python, and this example's own packages from "
        "examples/python/segmentation/requirements.txt."
    )

RARE = 0.01
"""The share of pixels below which a class is called rare."""


def _rows(options: argparse.Namespace) -> list[tuple[str, float | None]]:
    """Losses and their constants: those in use, or all that are tried."""
    if not options.tune:
        return [(name, CRITERIA[name].value) for name in options.losses]
    return [(name, value) for name in options.losses for value in CRITERIA[name].tried]


def _described(train_set: Scenes) -> str:
    counts = train_set.counts()
    most, least = int(counts.argmax()), int(counts.argmin())
    return (
        f"{len(train_set.labels)} scenes to train on; of their pixels "
        f"{counts[most] / counts.sum():.0%} are {CLASSES[most]}, "
        f"{counts[least] / counts.sum():.3%} {CLASSES[least]}."
    )


def _cells(found: Figures, rare: list[int], seconds: float) -> list[str]:
    numbers = (
        found.mean_iou,
        found.intersection_over_union[rare].mean(),
        found.accuracy.mean(),
        found.accuracy[rare].mean(),
        found.pixel_accuracy,
    )
    return [*(f"{number:.3f}" for number in numbers), f"{seconds:.0f}"]


def main(options: argparse.Namespace) -> None:
    console = Console()
    defaults = Settings()
    count = options.scenes or (40 if options.quick else 200)
    epochs = options.epochs or (2 if options.quick else defaults.epochs)
    settings = replace(defaults, epochs=epochs, seed=options.seed)
    # Seeds of their own: training, validation and test scenes are different ones.
    seeds = [3 * options.seed + number for number in range(3)]
    train_set = draw(count, seeds[0])
    judged = draw(max(count // 2, 20), seeds[1] if options.tune else seeds[2])
    # A class that no scene shows counts as one pixel.
    counts = np.maximum(train_set.counts(), 1)
    rare = [number for number, share in enumerate(counts / counts.sum()) if share < RARE]
    console.print(_described(train_set))
    console.print(f"Rare: {', '.join(CLASSES[number] for number in rare)}.")
    # Two lines each, so that rows are whole in 80 columns.
    columns = "mean\nIoU", "of\nrare", "class\nacc.", "of\nrare", "pixel\nacc.", "sec-\nonds"
    table = Table("loss", "con-\nstant", *columns)
    rows = _rows(options)
    with Progress(console=console) as progress:
        task = progress.add_task("training", total=epochs * len(rows))
        for name, value in rows:
            started = perf_counter()
            criterion = CRITERIA[name].module(counts, value)
            network = train(criterion, train_set, settings, lambda: progress.advance(task))
            seconds = perf_counter() - started
            found = figures(judged.labels, predict(network, judged), len(CLASSES))
            shown = "" if value is None else f"{value:g}"
            table.add_row(name, shown, *_cells(found, rare, seconds))
    console.print(table)


if __name__ == "__main__":
    main(OPTIONS)

"""Long-tailed CIFAR by the published recipes, each with its loss and its constants.

Run it as `python examples/python/cifar_lt`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Behind this folder: types of options are those of the demo.
sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from command_line import parse

# First, for --help needs nothing of what follows.
OPTIONS = parse() if __name__ == "__main__" else None

try:
    import made_files
    import numpy as np
    import torch
    from cifar_files import DataError, Pictures, download, read
    from evaluation import Result, evaluate
    from formats import FORMATS
    from long_tail import with_long_tail
    from network import ResNet
    from recipes import RECIPES
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from schedule import Schedule
    from training import Run, read_checkpoint, train_epoch
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[torch] from "
        "bindings/python, and rich."
    )

# Of each class. A hundredth of as many leaves one, of CIFAR-100's twenty too.
MADE_ROWS = {"cifar10": (100, 20), "cifar100": (20, 2)}


def _pictures(options: argparse.Namespace) -> tuple[Pictures, Pictures]:
    """Those to train on, with their long tail, and those of the test."""
    if options.made:
        with tempfile.TemporaryDirectory() as folder:
            rows, test_rows = MADE_ROWS[options.data_set]
            made_files.write(Path(folder), options.data_set, rows, test_rows, options.seed)
            training, test = read(Path(folder), options.data_set)
    else:
        if options.download:
            download(options.data, options.data_set)
        training, test = read(options.data, options.data_set)
    classes = FORMATS[options.data_set].classes
    return with_long_tail(training, classes, options.factor, options.seed), test


def _checkpoint(name: str, options: argparse.Namespace) -> tuple[Path | None, dict[str, object]]:
    """Where a recipe's is, if there are any, and what it has to be of."""
    keys = ("data_set", "factor", "made", "epochs", "depth", "seed")
    about = {key: getattr(options, key) for key in keys} | {"recipe": name}
    return options.checkpoint and options.checkpoint / f"{name}.pt", about


def _trained(
    name: str,
    options: argparse.Namespace,
    training: Pictures,
    test: Pictures,
    progress: Progress,
) -> list[Result]:
    recipe, schedule = RECIPES[name], Schedule.of_length(options.epochs)
    counts = np.bincount(training.labels)
    torch.manual_seed(options.seed)
    network = ResNet(len(counts), options.depth, normalized=recipe.normalized).to(options.device)
    run = Run.fresh(recipe, network, counts, schedule, options.seed)
    file, about = _checkpoint(name, options)
    if file and file.exists():
        run.load(file, about)
        progress.console.print(f"{name}: goes on after epoch {run.epoch}")
    rows = len(training.labels)
    task = progress.add_task(name, total=schedule.epochs * rows, completed=run.epoch * rows)

    def after_batch(count: int, loss: float) -> None:
        progress.update(task, advance=count, description=f"{name}: loss {loss:.3f}")

    while run.epoch < schedule.epochs:
        train_epoch(run, recipe, training, counts, schedule, after_batch)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            run.save(file, about)
    return evaluate(name, recipe, network, test, counts)


def _table(results: Sequence[Result]) -> Table:
    headings = "top-1", "class\naverage", "top-5", "many", "medium", "few"
    table = Table("", *headings, caption="many, medium, few: top-1 by pictures to train on")
    for result in results:
        numbers = (result.top_1, result.top_1_class_average, result.top_5, *result.shots)
        # Data can have no class of a kind.
        table.add_row(result.name, *("–" if np.isnan(each) else f"{each:.3f}" for each in numbers))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and evaluate each recipe, and print the table."""
    options = OPTIONS or parse(arguments)
    console = Console()
    if options.list:
        for name, recipe in RECIPES.items():
            console.print(f"{name}: {recipe.source}", highlight=False)
        return
    training, test = _pictures(options)
    counts = np.bincount(training.labels)
    console.print(
        f"{'Made pictures, no CIFAR' if options.made else options.data_set}: {counts.sum():,} to "
        f"train on, {counts.max():,} to {counts.min():,} a class; {len(test.labels):,} to test on. "
        f"{options.epochs} epochs of a ResNet-{options.depth}."
    )
    for name in options.recipe:
        file, about = _checkpoint(name, options)
        if file and file.exists():
            read_checkpoint(file, about)
    results: list[Result] = []
    try:
        with Progress(console=console) as progress:
            for name in options.recipe:
                results += _trained(name, options, training, test, progress)
    finally:
        # Of the recipes that are done, too, when another fails or somebody stops it.
        if results:
            console.print(_table(results))


if __name__ == "__main__":
    try:
        main()
    except DataError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("Stopped.")

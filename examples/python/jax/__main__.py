"""The country of a city from its name, in JAX and optax, with a topkloss loss of your choice.

Run it as `python examples/python/jax`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Behind this folder: types of options are those of the demo.
sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from command_line import parse
from settings import Settings

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    from batches import Names
    from geonames import load_cities, split_cities, thin_out
    from losses import METHODS
    from rich.console import Console
    from rich.progress import Progress, TextColumn
    from topkloss import metrics
    from training import scores, train
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[jax] from bindings/python, "
        "and this example's own packages from examples/python/jax/requirements.txt."
    )

QUICK_SHARE = 0.1


def main(options: argparse.Namespace) -> None:
    console = Console()
    cities = load_cities()
    if options.quick:
        cities = thin_out(cities, QUICK_SHARE, options.seed)
    split = split_cities(cities, options.seed)
    counts = split.training.counts()
    console.print(
        f"{len(split.training.names):,} names of {len(counts)} countries to train on, "
        f"{counts.max():,} of the largest and {counts.min()} of the smallest."
    )
    epochs = options.epochs
    if epochs is None:
        epochs = 1 if options.quick else Settings().epochs
    settings = Settings(epochs=epochs, batch_size=options.batch_size, seed=options.seed)
    method = METHODS[options.loss]
    training, test = Names.of(split.training), Names.of(split.test)

    columns = *Progress.get_default_columns(), TextColumn("loss {task.fields[loss]:.3f}")
    with Progress(*columns, console=console) as progress:
        total = settings.epochs * len(training.labels)
        task = progress.add_task(options.loss, total=total, loss=float("nan"))
        parameters, seconds = train(
            training,
            counts,
            method,
            settings,
            lambda rows, value: progress.update(task, advance=rows, loss=value),
        )

    found = scores(parameters, test, method.normalized)
    figures = "".join(
        f", top-{k} {metrics.topk_accuracy(found, test.labels, k=k):.3f} "
        f"(class average {metrics.topk_accuracy(found, test.labels, k=k, average='macro'):.3f})"
        for k in (1, 5)
    )
    console.print(f"{options.loss}{figures}, {seconds:.0f} seconds", soft_wrap=True)


if __name__ == "__main__":
    main(OPTIONS)

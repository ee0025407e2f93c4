"""The country of a city from its name: a training loop in PyTorch with topkloss losses.

Run it as `python examples/python/pytorch`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys

import geonames_demo  # noqa: F401
from arguments import QUICK_SHARE
from command_line import parse, settings_of

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    import torch
    from comparison import HashedCities, TrainingProgress
    from criteria import criterion_of, method_of
    from data import load_cities, split_cities, thin_out
    from features import BUCKETS
    from loop import Options, train
    from network import Network
    from rich.console import Console
    from settings import Settings
    from table import Result, table_of
    from topkloss import metrics
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install PyTorch, topkloss from "
        "bindings/python, and the packages in examples/python/geonames/requirements.txt."
    )


def run(
    name: str,
    training: HashedCities,
    test: HashedCities,
    settings: Settings,
    options: Options,
    progress: TrainingProgress,
) -> Result:
    """Train with one loss from scratch, and measure on the test names."""
    method, counts = method_of(name), training.cities.counts()
    torch.manual_seed(settings.seed)
    network = Network(BUCKETS, len(counts), heads=method.heads, normalized=method.normalized)
    progress.begin(method.title, settings.epochs * len(training.cities.names))
    timing = train(
        network,
        criterion_of(name, counts),
        training.features,
        training.cities.labels,
        settings,
        options,
        progress.after_batch,
    )
    scores = method.scores(network.logits(test.features), counts)
    labels = test.cities.labels
    top_1, top_1_macro, top_5, top_5_macro = (
        float(metrics.topk_accuracy(scores, labels, k=k, average=average))
        for k in (1, 5)
        for average in ("micro", "macro")
    )
    return Result(method.title, top_1, top_1_macro, top_5, top_5_macro, timing)


def main(arguments: argparse.Namespace) -> None:
    console = Console()
    settings = settings_of(arguments)
    options = Options(drw=arguments.drw, autocast=arguments.autocast, compiled=arguments.compile)
    torch.set_num_threads(arguments.threads)
    console.print("Loading the cities of GeoNames …")
    cities = load_cities()
    if arguments.quick:
        cities = thin_out(cities, QUICK_SHARE, settings.seed)
    split = split_cities(cities, settings.seed)
    training, test = HashedCities.of(split.training), HashedCities.of(split.test)
    how = [f"{settings.epochs} epochs in batches of {settings.batch_size}"]
    if options.drw is not None:
        how.append(f"re-weighted from epoch {options.drw}")
    if options.autocast:
        how.append("mixed precision")
    if options.compiled:
        how.append("compiled")
    console.print(
        f"{len(training.cities.names):,} names in {len(cities.countries)} countries to train on, "
        f"{len(test.cities.names):,} to test on. {', '.join(how)}.\n",
        soft_wrap=True,
    )
    with TrainingProgress(console) as progress:
        results = [
            run(name, training, test, settings, options, progress) for name in arguments.losses
        ]
    console.print()
    console.print(table_of(results))


if __name__ == "__main__":
    try:
        main(OPTIONS)
    except KeyboardInterrupt:
        sys.exit("Stopped.")

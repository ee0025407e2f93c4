"""The country of a city from its name: a training loop in PyTorch with topkloss losses.

Run it as `python examples/python/pytorch`; `--help` lists the options.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

try:
    import geonames_demo  # noqa: F401
    import torch
    from arguments import QUICK_SHARE
    from command_line import options_of, parse, settings_of
    from comparison import HashedCities, TrainingProgress
    from criteria import criterion_of, method_of
    from data import load_cities, split_cities, thin_out
    from features import BUCKETS
    from loop import Options, Timing, train
    from network import Network
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from topkloss import metrics
    from training import Settings
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install PyTorch, topkloss from "
        "bindings/python, and the packages in examples/python/geonames/requirements.txt."
    )


@dataclass(frozen=True)
class Result:
    """What came out for one loss: shares of the test names, and times."""

    title: str
    top_1: float
    top_1_class_average: float
    top_5: float
    top_5_class_average: float
    timing: Timing


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


def table_of(results: list[Result]) -> Table:
    """A row a loss."""
    table = Table(
        title="Accuracy on the test names",
        caption="Class average: every country counts the same. Step and loss: medians.\n"
        "Share: of a training step, spent in the loss, its part of the backward pass included.",
        box=SIMPLE_HEAD,
    )
    table.add_column("")
    for heading in (
        *("top-1", "class\naverage", "top-5", "class\naverage"),
        *("seconds", "step\n(ms)", "loss\n(ms)", "share"),
    ):
        table.add_column(heading, justify="right")
    for result in results:
        timing = result.timing
        table.add_row(
            result.title,
            f"{result.top_1:.3f}",
            f"{result.top_1_class_average:.3f}",
            f"{result.top_5:.3f}",
            f"{result.top_5_class_average:.3f}",
            f"{timing.seconds:.1f}",
            f"{1e3 * timing.step:.2f}",
            f"{1e3 * timing.loss:.3f}",
            f"{timing.share:.1%}",
        )
    return table


def main() -> None:
    arguments = parse()
    console = Console()
    settings, options = settings_of(arguments), options_of(arguments)
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
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped.")

"""The country of a city from its name: a training loop in NumPy and SciPy with topkloss losses.

Run it as `python examples/python/geonames`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from time import perf_counter

try:
    from arguments import QUICK_EPOCHS, QUICK_SHARE, parse, settings_of
    from comparison import TrainingProgress, compare, train_method
    from data import Cities, load_cities, split_cities, thin_out
    from features import hash_names
    from losses import METHODS, model_of
    from picture import draw
    from prediction import prediction_tables
    from report import results_table, write_json
    from rich.console import Console
    from storage import SavedModel, UnreadableModelError, load, model_path, save
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss from bindings/python, and "
        "the demo's own packages from examples/python/geonames/requirements.txt."
    )


def prepared(options: argparse.Namespace, quick: bool, console: Console) -> tuple[Cities, Cities]:
    """Load, thin out if asked, split and describe the names."""
    console.print("Loading the cities of GeoNames …")
    cities = load_cities()
    if quick:
        cities = thin_out(cities, QUICK_SHARE, options.seed)
    training, test = split_cities(cities, options.seed)
    counts = training.counts()
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    console.print(
        f"{len(cities.names):,} names in {len(cities.countries)} countries: "
        f"{len(training.names):,} to train on, {len(test.names):,} to test on.",
        soft_wrap=True,
    )
    console.print(
        f"Names to train on: {counts[largest]:,} of the largest class "
        f"({cities.countries[largest]}), {counts[smallest]:,} of the smallest "
        f"({cities.countries[smallest]}).",
        soft_wrap=True,
    )
    return training, test


def run_comparison(options: argparse.Namespace, console: Console) -> None:
    """Train, compare and leave models, picture and figures in the output folder."""
    started = perf_counter()
    training, test = prepared(options, options.quick, console)
    settings = settings_of(options)
    console.print(f"Training for {settings.epochs} epochs in batches of {settings.batch_size}.\n")
    results = compare(options.losses, training, test, settings, options.output, console)

    picture, figures = options.output / "accuracy.png", options.output / "results.json"
    draw(results, picture)
    write_json(figures, results, training, test, settings)
    console.print()
    console.print(results_table(results))
    console.print(
        f"Picture: {picture}\nFigures: {figures}", markup=False, highlight=False, soft_wrap=True
    )
    console.print(f"{perf_counter() - started:.0f} seconds in all.")


def saved_or_trained(options: argparse.Namespace, console: Console) -> SavedModel:
    """The model of an earlier run, or one trained here and now if there is none."""
    method = model_of(options.loss_for_predict)
    path = model_path(options.output, method)
    if path.exists():
        saved = load(path)
        console.print(f"Answers of the model {path.name}, which an earlier run saved.")
        return saved
    console.print(
        f"No trained model at {path}: training one quickly.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    training, _ = prepared(options, True, console)
    settings = replace(settings_of(options), epochs=options.epochs or QUICK_EPOCHS)
    with TrainingProgress(console) as progress:
        features = hash_names(training.names)
        saved, _ = train_method(method, training, features, settings, progress)
    save(saved, path)
    return saved


def run_prediction(options: argparse.Namespace, console: Console) -> None:
    """Answer for the names on the command line."""
    saved = saved_or_trained(options, console)
    console.print(
        f"{METHODS[options.loss_for_predict].title}, {saved.epochs} epochs on "
        f"{saved.counts.sum():,} names of {len(saved.countries)} countries.\n"
    )
    for table in prediction_tables(saved, options.loss_for_predict, options.predict, options.k):
        console.print(table)


def main() -> None:
    options = parse()
    console = Console()
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        if options.predict:
            run_prediction(options, console)
        else:
            run_comparison(options, console)
    except UnreadableModelError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: cannot use {error.filename or options.output}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


if __name__ == "__main__":
    main()

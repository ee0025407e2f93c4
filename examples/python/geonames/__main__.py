"""The country of a city from its name: a training loop in NumPy and SciPy with topkloss losses.

Run it as `python examples/python/geonames`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from time import perf_counter

from arguments import QUICK_EPOCHS, QUICK_SHARE, parse, settings_of

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    from ambiguity_picture import draw_ambiguity
    from comparison import HashedCities, TrainingProgress, compare, train_method
    from data import Split, load_cities, split_cities, thin_out
    from frequency_picture import draw_frequency
    from losses import METHODS, model_of
    from prediction import answers
    from report import results_table, trials_table, write_json
    from rich.console import Console
    from storage import SavedModel, UnreadableModelError, load, model_path, save
    from tuning import tune
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss from bindings/python, and "
        "the demo's own packages from examples/python/geonames/requirements.txt."
    )


def prepared(options: argparse.Namespace, quick: bool, console: Console) -> Split:
    """Load, thin out if asked, split and describe the names."""
    console.print("Loading the cities of GeoNames …")
    cities = load_cities()
    if quick:
        cities = thin_out(cities, QUICK_SHARE, options.seed)
    split = split_cities(cities, options.seed)
    counts = split.training.counts()
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    console.print(
        f"{len(cities.names):,} names in {len(cities.countries)} countries: "
        f"{len(split.training.names):,} to train on, {len(split.validation.names):,} to choose "
        f"thresholds by, {len(split.test.names):,} to test on.",
        soft_wrap=True,
    )
    console.print(
        f"Names to train on: {counts[largest]:,} of the largest class "
        f"({cities.countries[largest]}), {counts[smallest]:,} of the smallest "
        f"({cities.countries[smallest]}).",
        soft_wrap=True,
    )
    return split


def run_comparison(options: argparse.Namespace, console: Console) -> None:
    """Train, compare and leave models, pictures and figures in the output folder."""
    started = perf_counter()
    split = prepared(options, options.quick, console)
    settings = settings_of(options)
    console.print(f"Training for {settings.epochs} epochs in batches of {settings.batch_size}.\n")
    results = compare(options.losses, split, settings, options.output, console)

    accuracy, sets = options.output / "accuracy.png", options.output / "set-size.png"
    figures = options.output / "results.json"
    draw_frequency(results, accuracy)
    draw_ambiguity(results, sets)
    write_json(figures, results, split, settings)
    console.print()
    console.print(results_table(results))
    console.print(
        f"Pictures: {accuracy}\n          {sets}\nFigures: {figures}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"{perf_counter() - started:.0f} seconds in all.")


def run_tuning(options: argparse.Namespace, console: Console) -> None:
    """Say how well the values of the methods' constants do on the validation names."""
    started = perf_counter()
    split = prepared(options, options.quick, console)
    trials = tune(options.losses, split, settings_of(options), console)
    console.print()
    console.print(trials_table(trials))
    console.print(f"{perf_counter() - started:.0f} seconds in all.")


def saved_or_trained(options: argparse.Namespace, console: Console) -> SavedModel:
    """The model of an earlier run, or one trained here and now if there is none."""
    method = model_of(options.loss_for_predict)
    path = model_path(options.output, method)
    if path.exists():
        saved = load(path)
        if options.loss_for_predict not in saved.thresholds:
            raise UnreadableModelError(
                f"{path} has no threshold for {options.loss_for_predict}; "
                "an earlier version of this demo saved it. Delete it, or train it again"
            )
        console.print(f"Answers of the model {path.name}, which an earlier run saved.")
        return saved
    console.print(
        f"No trained model at {path}: training one quickly.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    split = prepared(options, True, console)
    settings = replace(settings_of(options), epochs=options.epochs or QUICK_EPOCHS)
    with TrainingProgress(console) as progress:
        saved, _ = train_method(
            method,
            HashedCities.of(split.training),
            HashedCities.of(split.validation),
            settings,
            progress,
        )
    save(saved, path)
    return saved


def run_prediction(options: argparse.Namespace, console: Console) -> None:
    """Answer for the names on the command line."""
    saved = saved_or_trained(options, console)
    console.print(
        f"{METHODS[options.loss_for_predict].title}, {saved.epochs} epochs on "
        f"{saved.counts.sum():,} names of {len(saved.countries)} countries.\n"
    )
    for answer in answers(saved, options.loss_for_predict, options.predict, options.k):
        console.print(answer)


def main(options: argparse.Namespace) -> None:
    console = Console()
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        if options.predict:
            run_prediction(options, console)
        elif options.tune:
            run_tuning(options, console)
        else:
            run_comparison(options, console)
    except UnreadableModelError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: cannot use {error.filename or options.output}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


if __name__ == "__main__":
    main(OPTIONS)

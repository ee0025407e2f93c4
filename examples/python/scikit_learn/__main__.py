"""The country of a city from its name: a scikit-learn pipeline with topkloss losses.

Losses and their constants are chosen by cross-validation, then the best pipeline predicts sets. Run
it as `python examples/python/scikit_learn`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

# Behind this folder: types of options are those of the demo.
sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from command_line import SHARE, parse

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    import numpy as np
    from geonames import Cities, load_cities, marked, split_cities, thin_out
    from numpy.typing import NDArray
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from sklearn.base import clone  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        ParameterGrid,
        StratifiedKFold,
        cross_validate,
    )
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from topkloss import OutlyingMSELoss, metrics
    from topkloss.sklearn import LinearClassifier
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[sklearn] from "
        "bindings/python, and this example's own packages from "
        "examples/python/scikit_learn/requirements.txt."
    )

QUICK_SHARE = 0.02
QUICK_NGRAMS, NGRAMS = 800, 2000


def outlying_mse(counts: NDArray[np.float64]) -> OutlyingMSELoss:
    """A loss may be a function of the class counts: here, with labels farther out for rare ones."""
    return OutlyingMSELoss(teacher=np.sqrt(counts.max() / counts))


GRID = [
    {"loss": ["cross_entropy"], "C": [10.0, 100.0]},
    {"loss": ["logit_adjusted"], "loss_options": [{"tau": 0.5}, {"tau": 1.0}], "C": [10.0, 100.0]},
    {"loss": [outlying_mse], "C": [100.0, 1000.0]},
]
QUICK_GRID = [
    {"loss": ["cross_entropy"], "C": [10.0]},
    {"loss": ["logit_adjusted"], "loss_options": [{"tau": 0.5}], "C": [10.0]},
]
AVERAGE_SIZE = 5


def name_of(loss: Any) -> str:
    """What a loss is called, given by name or as a function."""
    return str(getattr(loss, "__name__", loss))


def pipeline(ngrams: int) -> Any:
    """Character n-grams of names, and a linear model of them."""
    return make_pipeline(
        TfidfVectorizer(
            analyzer="char",
            preprocessor=marked,
            ngram_range=(1, 3),
            max_features=ngrams,
            dtype=np.float32,
        ),
        LinearClassifier(tol=1e-3),
    )


def search(
    model: Any,
    training: Cities,
    grid: list[dict[str, Any]],
    folds: int,
    seed: int,
    console: Console,
) -> dict[str, Any]:
    """The parameters of a pipeline with the highest balanced accuracy in cross-validation."""
    parameters = list(ParameterGrid(grid))
    scoring = ["accuracy", "balanced_accuracy"]
    table = Table("loss", "options", "C", "accuracy", "class average", "seconds a fit")
    tried = []
    with Progress(console=console) as progress:
        task = progress.add_task(f"cross-validation, {folds} folds", total=len(parameters))
        for one in parameters:
            found = cross_validate(
                clone(model).set_params(**{f"linearclassifier__{p}": v for p, v in one.items()}),
                training.names,
                training.labels,
                scoring=scoring,
                cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
                error_score="raise",
            )
            accuracy, balanced, seconds = (
                found[name].mean() for name in (*(f"test_{s}" for s in scoring), "fit_time")
            )
            tried.append((balanced, one))
            table.add_row(
                name_of(one["loss"]),
                ", ".join(f"{n}={v}" for n, v in one.get("loss_options", {}).items()),
                f"{one['C']:g}",
                f"{accuracy:.3f}",
                f"{balanced:.3f}",
                f"{seconds:.1f}",
            )
            progress.advance(task)
    console.print(table)
    best: dict[str, Any] = max(tried, key=lambda entry: entry[0])[1]
    return best


def show_sets(
    model: Any, cities: Cities, validation: Cities, test: Cities, console: Console
) -> None:
    """How often the right country is in a name's set, and the sets of a few names."""
    features, classifier = model[:-1], model[-1]
    threshold = classifier.average_k_threshold(features.transform(validation.names), AVERAGE_SIZE)
    sets = classifier.predict_sets(features.transform(test.names), threshold=threshold)
    hits = sets[np.arange(len(test.labels)), np.searchsorted(classifier.classes_, test.labels)]
    console.print(
        f"Sets of {sets.sum() / len(test.labels):.2f} countries on average hold the right one for "
        f"{hits.mean():.3f} of the names."
    )
    for name in ("Warszawa", "Paris", "San José"):
        (row,) = classifier.predict_sets(
            features.transform([name]), threshold=threshold, never_empty=True
        ).toarray()
        countries = [cities.countries[label] for label in classifier.classes_[row == 1]]
        console.print(f"{name}: {', '.join(countries[:8])}{' …' if len(countries) > 8 else ''}")


def main(options: argparse.Namespace) -> None:
    console = Console()
    share = options.share
    if share is None:
        share = QUICK_SHARE if options.quick else SHARE
    cities = thin_out(load_cities(), share, options.seed)
    split = split_cities(cities, options.seed)
    counts = split.training.counts()
    console.print(
        f"{len(split.training.names):,} names of {len(counts)} countries to train on, "
        f"{counts.max():,} of the largest and {counts.min()} of the smallest."
    )
    grid = QUICK_GRID if options.quick else GRID
    folds = options.folds
    if folds is None:
        folds = 2 if options.quick else 3
    model = pipeline(QUICK_NGRAMS if options.quick else NGRAMS)
    best = search(model, split.training, grid, folds, options.seed, console)

    started = perf_counter()
    model.set_params(**{f"linearclassifier__{p}": v for p, v in best.items()})
    model.fit(split.training.names, split.training.labels)
    scores = model.decision_function(split.test.names)
    figures = "".join(
        f", top-{k} {metrics.topk_accuracy(scores, split.test.labels, k=k):.3f} "
        f"(class average "
        f"{metrics.topk_accuracy(scores, split.test.labels, k=k, average='macro'):.3f})"
        for k in (1, 5)
    )
    console.print(
        f"Best: {name_of(best['loss'])}{figures} on the test names, fitted and predicted in "
        f"{perf_counter() - started:.1f} seconds.",
        soft_wrap=True,
    )
    show_sets(model, cities, split.validation, split.test, console)


if __name__ == "__main__":
    main(OPTIONS)

"""Trains a model for every method asked for, and measures them all on the same test names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import scipy.sparse  # type: ignore[import-untyped]
from data import Cities, Split
from evaluation import Evaluation, evaluate
from features import BUCKETS, hash_names
from losses import METHODS, Counts, Method, model_of
from model import CityModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sets import threshold_of
from settings import Settings
from storage import SavedModel, model_path, save
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from training import Timing, train


@dataclass(frozen=True)
class Result:
    """What came out for one method."""

    method: str
    evaluation: Evaluation

    timing: Timing | None
    """None where the method uses another's trained model."""


class TrainingProgress(Progress):
    """A bar a training, with the running loss and the rows a second."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[rate]} rows/s"),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )
        self._current = TaskID(0)
        self._begun = 0.0
        self._done = 0

    def begin(self, title: str, rows: int) -> None:
        """Start a bar for a training that goes through this many rows in all."""
        self._current = self.add_task(f"{title:<24}", total=rows, loss="", rate="")
        self._begun = perf_counter()
        self._done = 0

    def after_batch(self, rows: int, running_loss: float) -> None:
        self._done += rows
        rate = self._done / (perf_counter() - self._begun)
        self.update(self._current, advance=rows, loss=f"{running_loss:7.4f}", rate=f"{rate:7,.0f}")


@dataclass(frozen=True)
class HashedCities:
    """Cities, and the n-grams of their names."""

    cities: Cities
    features: scipy.sparse.csr_array
    """(N, V), a row a city."""

    @classmethod
    def of(cls, cities: Cities) -> HashedCities:
        return cls(cities, hash_names(cities.names))


def train_model(
    chosen: Method,
    title: str,
    training: HashedCities,
    settings: Settings,
    progress: TrainingProgress,
) -> tuple[CityModel, Timing]:
    """Train one model from scratch. title: what its progress bar is called."""
    cities = training.cities
    model = CityModel(
        BUCKETS,
        chosen.heads * len(cities.countries),
        normalized=chosen.normalized,
        seed=settings.seed,
    )
    progress.begin(title, settings.epochs * len(cities.names))
    loss = chosen.loss(cities.counts())
    # The matrices of a step are too small for two threads to share: one alone is faster, and
    # the other core is left to the loss, which brings its own threads.
    with threadpool_limits(limits=1, user_api="blas"):
        timing = train(
            model, loss, training.features, cities.labels, settings, progress.after_batch
        )
    return model, timing


def train_method(
    method: str,
    training: HashedCities,
    validation: HashedCities,
    settings: Settings,
    progress: TrainingProgress,
) -> tuple[SavedModel, Timing]:
    """Train one model, and choose its thresholds on the validation names."""
    model, timing = train_model(
        METHODS[method], METHODS[method].title, training, settings, progress
    )
    counts: Counts = training.cities.counts()
    outputs = model.scores(validation.features)
    thresholds = {
        name: threshold_of(each.set_scores(outputs, counts))
        for name, each in METHODS.items()
        if model_of(name) == method
    }
    countries = training.cities.countries
    return SavedModel(model, countries, counts, settings.epochs, thresholds), timing


def compare(
    methods: Sequence[str], split: Split, settings: Settings, folder: Path, console: Console
) -> list[Result]:
    """Train what the methods need, save the models in the folder, and evaluate each method."""
    training, validation = HashedCities.of(split.training), HashedCities.of(split.validation)
    test = HashedCities.of(split.test)
    evaluations: dict[str, Evaluation] = {}
    timings: dict[str, Timing] = {}

    with TrainingProgress(console) as progress:
        for name in dict.fromkeys(model_of(method) for method in methods):
            saved, timings[name] = train_method(name, training, validation, settings, progress)
            save(saved, model_path(folder, name))
            outputs = saved.model.scores(test.features)
            for method in methods:
                if model_of(method) == name:
                    evaluations[method] = evaluate(
                        METHODS[method].scores(outputs, saved.counts),
                        METHODS[method].set_scores(outputs, saved.counts),
                        saved.thresholds[method],
                        split.test,
                        saved.counts,
                    )

    return [Result(method, evaluations[method], timings.get(method)) for method in methods]

"""Trains a model for every method asked for, and measures them all on the same test names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import scipy.sparse  # type: ignore[import-untyped]
from data import Cities
from evaluation import Evaluation, evaluate
from features import BUCKETS, hash_names
from losses import METHODS, Counts, model_of
from model import CityModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from storage import SavedModel, model_path, save
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from training import Settings, Timing, train


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


def train_method(
    method: str,
    cities: Cities,
    features: scipy.sparse.csr_array,
    settings: Settings,
    progress: TrainingProgress,
) -> tuple[SavedModel, Timing]:
    """Train one model from scratch. features: (N, V), a row for each of the cities."""
    counts: Counts = cities.counts()
    chosen = METHODS[method]
    model = CityModel(
        BUCKETS, len(cities.countries), normalized=chosen.normalized, seed=settings.seed
    )
    progress.begin(chosen.title, settings.epochs * len(cities.names))
    loss = chosen.build(counts)
    # The matrices of a step are too small for two threads to share: one alone is faster, and
    # the other core is left to the loss, which brings its own threads.
    with threadpool_limits(limits=1, user_api="blas"):
        timing = train(model, loss, features, cities.labels, settings, progress.after_batch)
    return SavedModel(model, cities.countries, counts, settings.epochs), timing


def compare(
    methods: Sequence[str],
    training: Cities,
    test: Cities,
    settings: Settings,
    folder: Path,
    console: Console,
) -> list[Result]:
    """Train what the methods need, save the models in the folder, and evaluate each method."""
    training_features, test_features = hash_names(training.names), hash_names(test.names)
    counts: Counts = training.counts()
    evaluations: dict[str, Evaluation] = {}
    timings: dict[str, Timing] = {}

    with TrainingProgress(console) as progress:
        for trained in dict.fromkeys(model_of(method) for method in methods):
            saved, timings[trained] = train_method(
                trained, training, training_features, settings, progress
            )
            save(saved, model_path(folder, trained))
            scores = saved.model.scores(test_features)
            for method in methods:
                if model_of(method) == trained:
                    read = METHODS[method].read(scores, counts)
                    evaluations[method] = evaluate(read, test.labels, counts)

    return [Result(method, evaluations[method], timings.get(method)) for method in methods]

"""Chooses the constants of methods: each is trained with every value, and measured on validation.

The test names have no part in it. One yardstick serves all methods: the mean of the six
accuracies of the table, so that a method can gain neither by giving up the common countries nor
by giving up the rare ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import mean

from comparison import HashedCities, TrainingProgress, train_model
from data import Split
from evaluation import Accuracy, evaluate
from losses import METHODS, Method
from rich.console import Console
from sets import threshold_of
from settings import Settings


@dataclass(frozen=True)
class Trial:
    """One value of a method's constant, and how well it does on the validation names."""

    method: str
    value: float
    accuracy: Accuracy

    @property
    def yardstick(self) -> float:
        return float(mean(asdict(self.accuracy).values()))


def tune(methods: Sequence[str], split: Split, settings: Settings, console: Console) -> list[Trial]:
    """Try every value of every method's constant; methods that have none are left out."""
    training, validation = HashedCities.of(split.training), HashedCities.of(split.validation)
    with TrainingProgress(console) as progress:
        return [
            trial
            for method in methods
            for trial in _trials(method, training, validation, settings, progress)
        ]


def best(trials: Sequence[Trial], method: str) -> Trial:
    """The trial of a method that the yardstick prefers."""
    return max((each for each in trials if each.method == method), key=lambda each: each.yardstick)


def _trials(
    name: str,
    training: HashedCities,
    validation: HashedCities,
    settings: Settings,
    progress: TrainingProgress,
) -> Iterator[Trial]:
    method = METHODS[name]
    constant = method.constant
    if constant is None:
        return
    counts = training.cities.counts()
    trained: Method | None = None
    for value in constant.tried:
        varied = method.with_constant(value)
        # A method that only reads another's model reads the same one for every value.
        if trained is None or method.trained_as is None:
            trained = METHODS[method.trained_as] if method.trained_as else varied
            title = trained.title if method.trained_as else f"{constant.name} {value:g}, {name}"
            model, _ = train_model(trained, title, training, settings, progress)
            outputs = model.scores(validation.features)
        set_scores = varied.set_scores(outputs, counts)
        evaluation = evaluate(
            varied.scores(outputs, counts),
            set_scores,
            threshold_of(set_scores),
            validation.cities,
            counts,
        )
        yield Trial(name, value, evaluation.accuracy)

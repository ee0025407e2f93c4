"""One training of one loss with one setting, and all that is read off it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import topkloss
import torch
from measures import Measures, conformal_sets, measure, threshold_of
from methods import METHODS, Method, Scores, Setting
from models import Network
from subjects import Subject, subject
from training import train

BASELINE = "cross-entropy"


@dataclass(frozen=True)
class Run:
    """What is to be trained."""

    subject: str
    method: str
    setting: tuple[tuple[str, float], ...]
    seed: int
    quick: bool


@dataclass(frozen=True)
class Outcome:
    """What came of it, for the method that was trained or one that reads its network."""

    run: Run
    method: str
    setting: tuple[tuple[str, float], ...]
    validation: Measures
    test: Measures
    seconds: float
    """The training's."""


def frozen(setting: Setting) -> tuple[tuple[str, float], ...]:
    """A setting that can be compared and stored."""
    return tuple(sorted(setting.items()))


def carry_out(run: Run) -> list[Outcome]:
    """Train and measure, on one processor."""
    torch.set_num_threads(1)
    topkloss.set_num_threads(1)
    data, method, setting = subject(run.subject, run.quick), METHODS[run.method], dict(run.setting)
    torch.manual_seed(run.seed)
    network = Network(data.training.inputs, data.classes, method.head)
    started = perf_counter()
    train(
        network,
        method.criterion(data.counts(), setting, run.seed),
        method.objective,
        data,
        learning_rate=setting["learning_rate"],
        deferred_weights=bool(setting.get("deferred")),
        seed=run.seed,
    )
    seconds = perf_counter() - started
    logits = network.logits(data.validation.inputs), network.logits(data.test.inputs)
    return [
        Outcome(run, name, frozen(own), *_measured(reader, own, logits, data), seconds)
        for name, reader, own in _readers(run)
    ]


def _readers(run: Run) -> Iterator[tuple[str, Method, Setting]]:
    """The method itself, and those that read its network."""
    yield run.method, METHODS[run.method], dict(run.setting)
    for name, method in METHODS.items():
        if method.trained_as == run.method:
            for setting in method.settings:
                yield name, method, setting


def _measured(
    method: Method, setting: Setting, logits: tuple[Scores, Scores], data: Subject
) -> tuple[Measures, Measures]:
    counts = data.counts()
    parts = data.validation, data.test
    scores = [method.scores(each, setting, counts) for each in logits]
    sets = [method.set_scores(each, setting, counts) for each in logits]
    threshold = threshold_of(sets[0])
    validation, test = (
        measure(*each, threshold, part, counts)
        for each, part in zip(zip(scores, sets, strict=True), parts, strict=True)
    )
    if method is METHODS[BASELINE]:
        test.update(conformal_sets(sets[0], sets[1], parts, counts))
    return validation, test

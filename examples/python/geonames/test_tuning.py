"""The choice of constants, and a whole run, on few names: what is trained, measured and shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("topkloss")

import arguments
from comparison import compare
from data import Cities, Split
from features import hash_names
from losses import METHODS
from report import trials_table
from rich.console import Console
from sets import sets_of
from settings import Settings
from storage import load, model_path
from tuning import best, tune

SETTINGS = Settings(epochs=4, batch_size=32, learning_rate=0.02)


def quiet() -> Console:
    return Console(file=StringIO())


def cities_of(stems: list[str]) -> Cities:
    """Six endings for ten countries: the last four share theirs with the first four."""
    endings = ("burg", "ville", "grad", "stan", "minster", "polis")
    names = [stem + endings[country % 6] for stem in stems for country in range(10)]
    found_in = np.tile([2, 2, 2, 2, 1, 1, 2, 2, 2, 2], len(stems))
    countries = [f"Country {number}" for number in range(10)]
    return Cities(names, np.tile(np.arange(10), len(stems)), countries, found_in)


@pytest.fixture(scope="module")
def split() -> Split:
    return Split(
        cities_of(["ar", "bel", "cor", "dan", "el", "fon", "gar", "hol", "in", "jor"]),
        cities_of(["kal", "lor", "mel"]),
        cities_of(["nor", "opal", "per", "quin"]),
    )


def test_every_value_is_tried_on_the_validation_names(split: Split) -> None:
    methods = ["cross-entropy", "post-hoc", "two-head"]
    trials = tune(methods, split, SETTINGS, quiet())
    tried = [(trial.method, trial.value) for trial in trials]
    expected = []
    for method in ("post-hoc", "two-head"):
        constant = METHODS[method].constant
        assert constant is not None
        expected += [(method, value) for value in constant.tried]
    assert tried == expected

    chosen = best(trials, "two-head")
    means = {trial.value: np.mean(list(asdict(trial.accuracy).values())) for trial in trials[-4:]}
    assert means[chosen.value] == max(means.values())

    text = StringIO()
    Console(width=80, file=text).print(trials_table(trials))
    assert "…" not in text.getvalue(), "the table is too wide for a terminal of 80 columns"
    # The value in use of each of the two methods, and the caption that says what a star is.
    assert text.getvalue().count("*") == 3


def test_other_test_names_choose_no_other_constants(split: Split) -> None:
    other = Split(split.training, split.validation, cities_of(["rud"]))
    trials, again = (tune(["post-hoc"], each, SETTINGS, quiet()) for each in (split, other))
    assert trials == again


def test_every_constant_in_use_is_one_that_was_tried() -> None:
    for method in METHODS.values():
        if method.constant is not None:
            assert method.constant.chosen in method.constant.tried
            assert len(set(method.constant.tried)) == 4
    with pytest.raises(ValueError, match="Cross-entropy has no constant"):
        METHODS["cross-entropy"].with_constant(1.0)


def test_every_method_learns_and_thresholds_come_from_validation(
    split: Split, tmp_path: Path
) -> None:
    results = compare(list(METHODS), split, SETTINGS, tmp_path, quiet())
    assert [result.method for result in results] == list(METHODS)
    for result in results:
        accuracy = result.evaluation.accuracy
        # Of ten countries, five at random have the right one among them half of the time.
        assert accuracy.top_5 > 0.7, result.method
        assert accuracy.average_5 > 0.7, result.method
        assert (result.timing is None) == (result.method == "post-hoc")
        json.dumps(result.evaluation.as_json())

    saved = load(model_path(tmp_path, "cross-entropy"))
    assert set(saved.thresholds) == {"cross-entropy", "post-hoc"}
    outputs = saved.model.scores(hash_names(split.validation.names))
    scores = METHODS["post-hoc"].set_scores(outputs, saved.counts)
    sets = sets_of(scores, saved.thresholds["post-hoc"], split.validation.labels)
    assert sets.sizes.mean() == pytest.approx(5, abs=0.1)


def test_every_method_can_be_asked_for() -> None:
    assert tuple(METHODS) == arguments.METHODS

"""The protocol on outcomes that are made up, the data's making, and every method trained once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import runs
import scipy.sparse  # type: ignore[import-untyped]
from claims import CLAIMS, _chance, findings, judged_by
from glyphs import PACKAGES, _draw, _has_homoglyph, _split
from measures import AMBIGUOUS, CHOSEN_BY, CONFORMAL, RARE, conformal_sets, measure, threshold_of
from methods import METHODS
from pictures import draw_claims, draw_class_average
from PIL import ImageFont
from protocol import Chosen, Results, chosen_settings, gathered, grid_runs, seed_runs
from report import as_json, compared_with, written
from runs import Outcome, Run, carry_out, frozen
from subjects import Part, Subject

CLASSES = 12


def rows(count: int, seed: int) -> Part:
    """Rows whose n-gram says the class, most of the time; the last classes are rare."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(CLASSES), random.geometric(0.3, count).clip(1, CLASSES) - 1])
    told = np.where(
        random.random(len(labels)) < 0.9, labels, random.integers(CLASSES, size=len(labels))
    )
    inputs = scipy.sparse.csr_array(
        (
            np.ones(len(labels), np.float32),
            told.astype(np.int32),
            np.arange(len(labels) + 1, dtype=np.int32),
        ),
        shape=(len(labels), 32),
    )
    return Part(inputs, labels.astype(np.int64), labels % 2 == 0)


def small() -> Subject:
    return Subject(CLASSES, 2, 32, rows(400, 0), rows(200, 1), rows(200, 2))


def outcome(
    run: Run, validation: float, test: float, method: str = "", **setting: float
) -> Outcome:
    """One whose figures are all the same."""
    figures = (*CHOSEN_BY, AMBIGUOUS, RARE)
    return Outcome(
        run,
        method or run.method,
        frozen(setting) or run.setting,
        dict.fromkeys(figures, validation),
        dict.fromkeys(figures, test),
        1.0,
    )


def test_every_loss_has_as_many_settings() -> None:
    assert {len(method.settings) for method in METHODS.values()} == {6}


def test_settings_are_chosen_on_validation_rows_whatever_the_test_says() -> None:
    first, second = grid_runs(["geonames"], ["noised-top5"], quick=True)
    outcomes = [outcome(first, 0.6, 0.1), outcome(second, 0.5, 0.9)]
    chosen = chosen_settings(outcomes, {"noised-top5": ["top-5"]})
    assert chosen == {("geonames", "noised-top5", "top-5"): (first, first.setting)}


def test_post_hoc_adjustment_reads_the_best_baseline_as_it_is() -> None:
    first, second = grid_runs(["geonames"], ["cross-entropy"], quick=True)
    outcomes = [
        outcome(first, 0.6, 0.6),
        outcome(second, 0.5, 0.5),
        outcome(first, 0.4, 0.4, "post-hoc", tau=0.5),
        outcome(first, 0.5, 0.5, "post-hoc", tau=1.0),
        outcome(second, 0.9, 0.9, "post-hoc", tau=0.5),
    ]
    figures = {"cross-entropy": [CHOSEN_BY[0]], "post-hoc": [CHOSEN_BY[1]]}
    run, setting = chosen_settings(outcomes, figures)["geonames", "post-hoc", CHOSEN_BY[1]]
    assert (run, dict(setting)) == (first, {"tau": 1.0})


def test_seeds_are_those_of_what_was_chosen() -> None:
    (first, second) = grid_runs(["geonames"], ["noised-top5"], quick=True)
    figures = {"noised-top5": ["top-5"]}
    grid = [outcome(first, 0.5, 0.3), outcome(second, 0.6, 0.4)]
    more = seed_runs(chosen_settings(grid, figures).values(), quick=True)
    assert more == [replace(second, seed=1), replace(second, seed=2)]
    trained = [outcome(run, 0.1, run.seed / 2) for run in more]
    results = gathered([*grid, *trained], figures, quick=True)
    assert results["geonames"]["noised-top5"]["top-5"].values("top-5").tolist() == [0.5, 1.0]


def test_verdicts() -> None:
    """Of what has no spread there is no telling; two seeds are too few for any."""
    assert _chance(np.array([0.02, 0.03, 0.025, 0.02, 0.03])) < 0.001
    assert _chance(np.array([0.02, -0.03, 0.025, -0.02, 0.0])) > 0.5
    assert _chance(np.array([0.1, 0.1, 0.1])) == 1.0
    assert {each.verdict for each in findings(results_of(5))["fonts"]} == {"shown", "refuted"}
    assert {each.verdict for each in findings(results_of(2))["fonts"]} == {"too few seeds"}


def test_measures_by_hand() -> None:
    # Two classes of three rows: the first is right twice of two, the second never.
    scores = np.array([[3, 2, 1, 0, 0, 0, 0]] * 3, np.float32)
    part = Part(None, np.array([0, 0, 6]), np.array([True, False, False]))
    found = measure(scores, scores, 2.0, part, np.array([50, 40, 30, 20, 10, 5, 1]))
    assert found["top-1"] == pytest.approx(2 / 3)
    assert found["top-1, class average"] == pytest.approx(1 / 2)
    assert found["top-5"] == pytest.approx(2 / 3)
    assert found["average-5"] == pytest.approx(2 / 3)
    assert (found[AMBIGUOUS], found[RARE]) == (1.0, 0.0)


def test_sets_have_five_classes_on_average() -> None:
    sets = np.random.default_rng(0).random((40, 30)).astype(np.float32)
    assert (sets >= threshold_of(sets)).sum() == 5 * 40


def test_conformal_sets_reach_their_coverage() -> None:
    data = small()
    random = np.random.default_rng(0)
    # Rows that can be exchanged for one another, as the guarantee asks.
    probabilities = random.dirichlet(np.ones(CLASSES), 4000).astype(np.float32)
    drawn = np.array(
        [random.choice(CLASSES, p=row / row.sum()) for row in probabilities.astype(float)]
    )
    parts = tuple(
        Part(None, drawn[half], drawn[half] < 0) for half in (slice(2000), slice(2000, 4000))
    )
    found = dict(
        conformal_sets(
            probabilities[:2000], probabilities[2000:], (parts[0], parts[1]), data.counts()
        )
    )
    assert found["standard: coverage"] == pytest.approx(0.9, abs=0.02)
    assert found["classwise: coverage, class average"] == pytest.approx(0.9, abs=0.02)
    assert all(0 < found[f"{kind}: mean size"] < CLASSES for kind in CONFORMAL)


def test_every_method_trains_and_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small()
    monkeypatch.setattr(runs, "subject", lambda name, quick: data)
    found = [
        each
        for name, method in METHODS.items()
        if not method.trained_as
        for each in carry_out(Run("geonames", name, frozen(method.settings[-1]), 0, True))
    ]
    assert {each.method for each in found} == set(METHODS)
    for each in found:
        assert all(0 <= value <= 1 for value in each.validation.values()), each
        assert each.validation["top-5"] > 0.4, each


def test_a_training_depends_on_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small()
    monkeypatch.setattr(runs, "subject", lambda name, quick: data)
    run = Run("geonames", "noised-top5", frozen(METHODS["noised-top5"].settings[0]), 3, True)
    assert carry_out(run)[0].test == carry_out(run)[0].test


def results_of(tests: int) -> Results:
    """Results of every method, whose figures rise from method to method."""
    random = np.random.default_rng(0)
    figures = (*CHOSEN_BY, AMBIGUOUS, RARE)
    kinds = ("coverage", "coverage, class average", "shortfall", "mean size")
    conformal = [f"{kind}: {one}" for kind in CONFORMAL for one in kinds]

    def chosen(place: int) -> Chosen:
        drawn = [
            {name: place / 20 + random.normal(0, 0.01) for name in (*figures, *conformal)}
            for _ in range(tests)
        ]
        return Chosen((("learning_rate", 0.01),), tuple(drawn))

    return {
        subject: {
            name: {measure: chosen(place) for measure in judged_by()[name]}
            for place, name in enumerate(METHODS)
        }
        for subject in ("geonames", "fonts")
    }


def test_tables_pictures_and_comparison_with_an_earlier_run(tmp_path: Path) -> None:
    results = results_of(5)
    text = written(results, "make evidence", 3, 61.0)
    assert all(claim.text in text for claim in CLAIMS)
    assert all(method.title in text for method in METHODS.values())
    assert findings(results)["geonames"][0].verdict == "shown"

    (tmp_path / "results.json").write_text(as_json(results))
    entries = compared_with(tmp_path / "results.json", results)
    assert len(entries) == 2 * sum(map(len, judged_by().values()))
    assert all(each.agrees() for each in entries)
    moved = json.loads(as_json(results))
    for test in moved["fonts"]["elm"][CHOSEN_BY[1]]["tests"]:
        test[CHOSEN_BY[1]] += 0.1
    (tmp_path / "moved.json").write_text(json.dumps(moved))
    apart = [each for each in compared_with(tmp_path / "moved.json", results) if not each.agrees()]
    assert [each.where for each in apart] == [f"fonts, elm, {CHOSEN_BY[1]}"]

    draw_class_average(results, tmp_path / "bars.png")
    draw_claims(results, tmp_path / "claims.png")
    assert (tmp_path / "bars.png").stat().st_size > 10_000


def test_homoglyphs_are_drawn_alike_and_letters_on_one_base_line() -> None:
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 18)
    latin, greek, cyrillic = (_draw(font, letter) for letter in "AΑА")
    assert (latin == greek).all() and (latin == cyrillic).all()
    assert (_draw(font, "c") != _draw(font, "C")).any()
    assert _has_homoglyph([ord(letter) for letter in "AΑ€"]).tolist() == [True, True, False]


def test_fonts_of_a_package_are_in_one_part() -> None:
    packages = np.repeat(np.arange(len(PACKAGES)), 3)
    images = np.tile(packages[:, None, None].astype(np.uint8), (1, 24, 24))
    points = np.tile([65, 66, 67], len(PACKAGES))
    data = _split(images, points, packages, quick=False)
    seen = [set(np.unique(part.inputs)) for part in (data.training, data.validation, data.test)]
    assert sum(map(len, seen)) == len(set.union(*seen)) == len(PACKAGES)
    assert data.classes == 3

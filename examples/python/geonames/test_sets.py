"""Two heads, sets of an average size, and how both are measured, on numbers made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("topkloss")

from ambiguity_picture import draw_ambiguity
from comparison import Result
from data import Cities, Split, count_countries
from evaluation import AmbiguityGroup, Evaluation, FrequencyBin, evaluate
from features import BUCKETS, hash_names
from frequency_picture import draw_frequency, finding
from heads import SideBySide, heads
from losses import METHODS, softmax
from model import CityModel
from prediction import answers
from report import results_table, write_json
from rich.console import Console, RenderableType
from sets import members_of, sets_of, threshold_of
from settings import Settings
from storage import SavedModel
from topkloss import TwoHeadAverageKLoss, metrics
from training import train

# Of these 18, sets of five countries on average keep 15: all above this threshold.
THRESHOLD = 0.04
SCORES = np.array(
    [
        [0.90, 0.01, 0.02, 0.03, 0.60, 0.70],
        [0.50, 0.51, 0.52, 0.53, 0.54, 0.55],
        [0.10, 0.20, 0.30, 0.40, 0.45, 0.05],
    ],
    np.float32,
)


def shown(what: RenderableType, width: int) -> str:
    """What a terminal of this width shows."""
    text = StringIO()
    Console(width=width, file=text).print(what)
    return text.getvalue()


def test_a_threshold_chosen_on_some_names_serves_others() -> None:
    assert 0.03 < threshold_of(SCORES) < 0.05
    sets = sets_of(SCORES, THRESHOLD, np.array([1, 2, 3]))
    # 0.01, 0.02 and 0.03 are the three that are not kept, all of the first row.
    assert sets.sizes.tolist() == [3, 6, 6]
    assert sets.right.tolist() == [False, True, True]
    # The last two rows keep 10 of 12: all but 0.05 and 0.10. The first keeps three by that, too.
    others = threshold_of(SCORES[1:])
    assert 0.1 < others < 0.2
    assert sets_of(SCORES[:1], others, np.array([5])).sizes.tolist() == [3]
    assert sets_of(SCORES[2:], others, np.array([0])).right.tolist() == [False]


def test_members_are_sorted_and_there_is_always_one() -> None:
    members = members_of(SCORES, 0.5)
    assert [each.tolist() for each in members] == [[0, 5, 4], [5, 4, 3, 2, 1, 0], [4]]
    assert [each.tolist() for each in members_of(SCORES[:1], 0.65)] == [[0, 5]]


def test_set_scores_compare_between_names() -> None:
    random = np.random.default_rng(5)
    outputs = random.uniform(-0.5, 0.5, (4, 6)).astype(np.float32)
    counts = np.array([50, 40, 30, 20, 10, 5])
    # What a whole row has in common makes no difference to a method trained through a softmax.
    for name in ("cross-entropy", "post-hoc", "logit-adjusted", "ldam", "elm"):
        scores = METHODS[name].set_scores(outputs, counts)
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
        moved = METHODS[name].set_scores(outputs + np.float32(2), counts)
        np.testing.assert_allclose(moved, scores, rtol=1e-4)
    expected = np.exp(30 * outputs.astype(np.float64))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(METHODS["elm"].set_scores(outputs, counts), expected, rtol=1e-4)
    for name in ("noised-top5", "noised-top5-exact", "noised-top5-imbalanced", "outlying-mse"):
        assert METHODS[name].set_scores(outputs, counts) is outputs


def test_the_second_head_makes_the_sets_and_the_first_ranks() -> None:
    outputs = np.array([[1.0, 2.0, 3.0, 0.0, -100.0, 100.0]], np.float32)
    counts = np.array([3, 2, 1])
    assert METHODS["two-head"].scores(outputs, counts).tolist() == [[1.0, 2.0, 3.0]]
    shares = METHODS["two-head"].set_scores(outputs, counts)
    np.testing.assert_allclose(shares, [[0.5, 0.0, 1.0]], atol=1e-7)


def test_two_heads_side_by_side_have_the_gradients_of_two_arrays() -> None:
    random = np.random.default_rng(7)
    outputs = random.standard_normal((8, 12)).astype(np.float32)
    labels = random.integers(0, 6, 8)
    loss = TwoHeadAverageKLoss(2.0, multi_label_weight=0.5)
    first, second = (np.ascontiguousarray(head) for head in heads(outputs))
    value, (first_gradient, second_gradient) = loss.value_and_grad(first, second, labels)
    joint_value, joint_gradient = SideBySide(loss).value_and_grad(outputs, labels, out=outputs)
    assert joint_gradient is outputs
    assert joint_value == value
    assert (outputs == np.hstack([first_gradient, second_gradient])).all()


def test_a_name_is_counted_once_a_country() -> None:
    names = ["Paris", "Paris", "Paris", "paris", "Lima"]
    assert count_countries(names, np.array([0, 1, 0, 2, 3])).tolist() == [2, 2, 2, 1, 1]


@pytest.fixture(scope="module")
def small_test() -> Cities:
    """Three names; the second is found in seven countries, the third in sixteen."""
    names = ["Springfield", "Cambridge", "San Carlos"]
    countries = ["A", "B", "C", "D", "E", "F"]
    return Cities(names, np.array([1, 2, 3]), countries, np.array([1, 7, 16]))


@pytest.fixture(scope="module")
def evaluation(small_test: Cities) -> Evaluation:
    return evaluate(SCORES, SCORES, THRESHOLD, small_test, np.array([9, 8, 30, 60, 70, 80]))


def test_names_are_grouped_by_the_countries_they_are_found_in(evaluation: Evaluation) -> None:
    assert evaluation.by_ambiguity == [
        AmbiguityGroup(1, 1, 1, mean_set_size=3.0, in_set=0.0, top_5=0.0),
        AmbiguityGroup(6, 7, 1, mean_set_size=6.0, in_set=1.0, top_5=1.0),
        AmbiguityGroup(12, 16, 1, mean_set_size=6.0, in_set=1.0, top_5=1.0),
    ]
    examples = [(each.name, each.found_in, each.set_size) for each in evaluation.examples]
    assert examples == [("Springfield", 1, 3), ("Cambridge", 7, 6), ("San Carlos", 16, 6)]
    assert evaluation.accuracy.average_5 == pytest.approx(2 / 3)
    assert evaluation.accuracy.top_5 == pytest.approx(2 / 3)
    assert evaluation.mean_set_size == 5.0


def test_average_accuracy_is_the_library_s_where_the_threshold_is_the_names_own() -> None:
    random = np.random.default_rng(11)
    scores = random.standard_normal((50, 12)).astype(np.float32)
    labels = random.choice([0, 0, 0, 1, 2, 3, 5], 50)
    cities = Cities(["A"] * 50, labels, list("ABCDEFGHIJKL"), np.ones(50, np.int64))
    measured = evaluate(scores, scores, threshold_of(scores), cities, np.full(12, 10)).accuracy
    for average, accuracy in (
        ("micro", measured.average_5),
        ("macro", measured.average_5_class_average),
    ):
        expected = metrics.average_k_accuracy(scores, labels, 5, average=average)  # type: ignore[arg-type]
        assert accuracy == pytest.approx(expected)
    assert measured.average_5 != pytest.approx(measured.average_5_class_average, abs=1e-3)


@pytest.mark.parametrize("methods", [["two-head", "cross-entropy"], ["elm"], list(METHODS)])
def test_results_of_any_methods_are_drawn_and_written(
    methods: list[str], evaluation: Evaluation, small_test: Cities, tmp_path: Path
) -> None:
    results = [Result(method, evaluation, None) for method in methods]
    for draw, name in ((draw_ambiguity, "sets.png"), (draw_frequency, "accuracy.png")):
        draw(results, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    split = Split(small_test, small_test, small_test)
    write_json(tmp_path / "results.json", results, split, Settings())
    written = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["results"]
    assert [each["method"] for each in written] == methods
    for each in written:
        constant = METHODS[each["method"]].constant
        assert each["constant"] == (constant and {constant.name: constant.chosen})
    assert written[0]["accuracy"]["average_5"] == pytest.approx(2 / 3)

    table = shown(results_table(results), width=80)
    assert "…" not in table, "the table is too wide for a terminal of 80 columns"
    assert all(METHODS[method].title in table for method in methods)


def test_the_title_of_the_picture_is_what_the_figures_bear_out(evaluation: Evaluation) -> None:
    def of(method: str, rare: tuple[float, float], common: tuple[float, float]) -> Result:
        """Top-1 and top-5 of rare countries, and of common ones."""
        bins = [
            FrequencyBin(10, 99, 30.0, 5, 9, *rare),
            FrequencyBin(5000, 20000, 9000.0, 2, 9, *common),
        ]
        return Result(method, replace(evaluation, by_frequency=bins), None)

    plain = of("cross-entropy", (0.1, 0.3), (0.8, 0.9))
    better = of("post-hoc", (0.2, 0.4), (0.7, 0.8))
    told = "rare countries gain and common ones lose"
    assert told in finding([plain, better])
    assert told in finding([better, of("elm", (0, 0), (0, 0)), plain])
    for other in (
        of("logit-adjusted", (0.2, 0.2), (0.7, 0.8)),
        of("logit-adjusted", (0.2, 0.4), (0.7, 0.95)),
        of("logit-adjusted", (0.1, 0.4), (0.7, 0.8)),
    ):
        assert finding([plain, better, other]) == "Accuracy by how common a country is"
    assert finding([better]) == finding([plain]) == "Accuracy by how common a country is"


def test_a_two_headed_model_learns_names_of_two_countries() -> None:
    # Half of the cities in -burg are in A, half in B; all in -ville are in C. D is there so that
    # candidates can be wrong, and has names of its own.
    stems = ["ar", "bel", "cor", "dan", "el", "fon", "gar", "hol", "in", "jor"]
    names = [stem + end for stem in stems for end in ("burg", "burg", "ville", "stan")]
    labels = np.tile([0, 1, 2, 3], len(stems))
    model = CityModel(BUCKETS, 2 * 4, normalized=False, seed=0, widths=(8, 16))
    loss = SideBySide(TwoHeadAverageKLoss(4 / 3, multi_label_weight=0.1))
    settings = Settings(epochs=40, batch_size=40, learning_rate=0.02, learning_rate_decay=1.0)
    train(model, loss, hash_names(names), labels, settings, lambda rows, value: None)

    counts = np.bincount(labels)
    saved = SavedModel(model, ["A", "B", "C", "D"], counts, 40, {"two-head": 0.5})
    outputs = model.scores(hash_names(["muburg", "opville"]))
    sets = members_of(METHODS["two-head"].set_scores(outputs, counts), 0.5)
    assert [sorted(each.tolist()) for each in sets] == [[0, 1], [2]]
    shares = softmax(METHODS["two-head"].scores(outputs, counts), 1.0)
    np.testing.assert_allclose(shares[0, :2], 0.5, atol=0.15)

    (answer,) = answers(saved, "two-head", ["opville"], 1)
    assert "Predicted set of 1, where 5 is the average: C." in shown(answer, width=100)

"""Functions of the C interface other than evaluation."""

from __future__ import annotations

from ctypes import byref, c_double

import numpy as np
import pytest
from abi_support import (
    CLASSES,
    COUNTS,
    LARGEST,
    LEAST,
    ROWS,
    WRONG_SIZES,
    Call,
    filled,
    message,
    name,
)

from topkloss._library import library


class Outputs:
    """Where the functions write to; untouched by calls that are refused."""

    def __init__(self):
        self.numbers = np.full(8, 7.0)
        self.integers = np.full(8, 7, np.int64)
        self.more = np.full(64, 7, np.int64)
        self.sizes, self.weights = np.full(8, 7.0), np.full(8, 7.0)
        self.one = c_double(7)
        self.threshold = filled("threshold", value=7, ties=7)

    def untouched(self):
        found = (*self.numbers, *self.integers, *self.more, self.one.value)
        found += (*self.sizes, *self.weights)
        found += (self.threshold.value, self.threshold.ties)
        return all(number == 7 for number in found)


def calls(call, out, **replaced):
    """Every function that takes a batch, called; replaced are arguments by their names."""

    def argument(key, value):
        return replaced.get(key, value)

    call.logits %= 1  # probabilities are numbers like others
    batch = argument("batch", byref(call.batch))
    mse = argument("mse", MSE.loss)
    kept = argument("threshold", byref(filled("threshold", value=0.5)))
    average_k = argument("average_k", byref(filled("average_k_accuracy_options", k=2)))
    shots = argument("shots", byref(shot_options()))
    return {
        "predict": lambda: library.topkloss_outlying_mse_predict(
            mse, batch, argument("rule", 0), argument("integers", out.integers.ctypes.data)
        ),
        "average_k_threshold": lambda: library.topkloss_average_k_threshold(
            argument("k", 2.0), batch, argument("found", byref(out.threshold))
        ),
        "predict_sets": lambda: library.topkloss_predict_sets(
            kept, 0, batch, argument("integers", out.integers.ctypes.data), out.more.ctypes.data, 64
        ),
        "average_k_accuracy": lambda: library.topkloss_average_k_accuracy(
            average_k, batch, argument("one", byref(out.one))
        ),
        "shot_accuracy": lambda: library.topkloss_shot_accuracy(
            shots, batch, argument("numbers", out.numbers.ctypes.data)
        ),
        "tally_topk": lambda: library.topkloss_tally_topk(
            argument("topk", None),
            batch,
            argument("numbers", out.numbers.ctypes.data),
            argument("weights", out.weights.ctypes.data),
        ),
        "tally_sets": lambda: library.topkloss_tally_sets(
            kept,
            -100,
            batch,
            argument("numbers", out.numbers.ctypes.data),
            out.sizes.ctypes.data,
            argument("weights", out.weights.ctypes.data),
        ),
        "conformal_thresholds": lambda: library.topkloss_conformal_thresholds(
            argument("conformal", None), batch, argument("numbers", out.numbers.ctypes.data)
        ),
    }


FUNCTIONS = (
    "predict",
    "average_k_threshold",
    "predict_sets",
    "average_k_accuracy",
    "shot_accuracy",
    "tally_topk",
    "tally_sets",
    "conformal_thresholds",
)
WITHOUT_LABELS = ("predict", "average_k_threshold", "predict_sets")
functions = pytest.mark.parametrize("function", FUNCTIONS)
MSE = Call("outlying_mse")


def shot_options(**values):
    defaults = {"classes": CLASSES, "class_counts": COUNTS.ctypes.data}
    return filled("shot_accuracy_options", **{**defaults, **values})


@functions
def test_the_unspoiled_call_succeeds(function):
    out = Outputs()
    assert calls(Call(), out)[function]() == 0, message()
    assert not out.untouched()


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        *[(function, "batch") for function in FUNCTIONS],
        ("predict", "mse"),
        ("predict", "integers"),
        ("average_k_threshold", "found"),
        ("predict_sets", "threshold"),
        ("predict_sets", "integers"),
        ("average_k_accuracy", "average_k"),
        ("average_k_accuracy", "one"),
        ("shot_accuracy", "shots"),
        ("shot_accuracy", "numbers"),
        ("tally_topk", "numbers"),
        ("tally_topk", "weights"),
        ("tally_sets", "threshold"),
        ("tally_sets", "numbers"),
        ("tally_sets", "weights"),
        ("conformal_thresholds", "numbers"),
    ],
)
def test_without_an_argument(function, argument):
    out = Outputs()
    assert name(calls(Call(), out, **{argument: None})[function]()) == "NULL_POINTER"
    assert message()
    assert out.untouched()


@functions
def test_without_scores_or_labels(function):
    for member in ("logits", "labels"):
        call, out = Call(), Outputs()
        setattr(call.batch, member, None)
        status = calls(call, out)[function]()
        if member == "labels" and function in WITHOUT_LABELS:
            assert status == 0, message()  # which needs none
        else:
            assert name(status) == "NULL_POINTER"
            assert member in message()
            assert out.untouched()


@functions
def test_a_wrong_batch(function):
    for member, value, status in (
        *[("struct_size", size, "STRUCT_SIZE") for size in WRONG_SIZES],
        *[("rows", value, "SIZE") for value in (-1, LEAST, LARGEST, 2**61)],
        *[("classes", value, "SIZE") for value in (0, -1, LEAST, LARGEST, 2**61)],
        *[("logits_row_stride", value, "SIZE") for value in (LARGEST, LEAST, 2**61, -(2**62))],
        *[("dtype", value, "ENUMERATOR") for value in (-1, 4, 2**31 - 1)],
    ):
        call, out = Call(), Outputs()
        setattr(call.batch, member, value)
        assert name(calls(call, out)[function]()) == status, (member, value)
        assert out.untouched()


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        ("average_k_threshold", "found"),
        ("predict_sets", "threshold"),
        ("average_k_accuracy", "average_k"),
        ("shot_accuracy", "shots"),
        ("tally_topk", "topk"),
        ("tally_sets", "threshold"),
        ("conformal_thresholds", "conformal"),
    ],
)
def test_struct_sizes(function, argument):
    for size in WRONG_SIZES:
        struct = {
            "average_k": filled("average_k_accuracy_options", k=2),
            "shots": shot_options(),
            "topk": filled("topk_accuracy_options"),
            "conformal": filled("conformal_options"),
        }.get(argument, filled("threshold"))
        struct.struct_size = size
        out = Outputs()
        assert name(calls(Call(), out, **{argument: byref(struct)})[function]()) == "STRUCT_SIZE"
        assert out.untouched()


def test_enumerators():
    for wrong in (-1, 2, 100):
        out = Outputs()
        assert name(calls(Call(), out, rule=wrong)["predict"]()) == "ENUMERATOR"
        options = filled("average_k_accuracy_options", k=2, average=wrong)
        status = calls(Call(), out, average_k=byref(options))["average_k_accuracy"]()
        assert name(status) == "ENUMERATOR"
        options = shot_options(average=wrong)
        assert name(calls(Call(), out, shots=byref(options))["shot_accuracy"]()) == "ENUMERATOR"
        options = filled("conformal_options", method=4 if wrong == 2 else wrong)
        status = calls(Call(), out, conformal=byref(options))["conformal_thresholds"]()
        assert name(status) == "ENUMERATOR"
        assert out.untouched()


def test_options_of_shot_accuracy():
    for member, value, statuses in (
        *[("classes", value, ("SIZE",)) for value in (0, -1, 4, 6, LARGEST)],
        ("class_counts", None, ("NULL_POINTER",)),
        *[("k", value, ("SIZE", "OPTION")) for value in (0, -1, LEAST)],
        *[("many", value, ("OPTION",)) for value in (np.nan, np.inf, 19.0, -1.0)],
        *[("few", value, ("OPTION",)) for value in (np.nan, np.inf, -1.0, 101.0)],
    ):
        out, options = Outputs(), shot_options(**{member: value})
        assert name(calls(Call(), out, shots=byref(options))["shot_accuracy"]()) in statuses
        assert out.untouched()


def test_counts_of_shot_accuracy():
    for wrong in (-1.0, np.nan, np.inf):
        counts = np.array([5, 4, wrong, 0, 1])
        out, options = Outputs(), shot_options(class_counts=counts.ctypes.data)
        assert name(calls(Call(), out, shots=byref(options))["shot_accuracy"]()) == "CLASS_COUNT"
        assert "2" in message()
        assert out.untouched()


@pytest.mark.parametrize("k", [0.0, -1.0, 5.0, 7.0, np.nan, np.inf])
def test_k(k):
    out = Outputs()
    assert name(calls(Call(), out, k=k)["average_k_threshold"]()) == "OPTION"
    options = filled("average_k_accuracy_options", k=k)
    status = calls(Call(), out, average_k=byref(options))["average_k_accuracy"]()
    assert name(status) == "OPTION"
    assert out.untouched()


def test_a_threshold_of_nan():
    out = Outputs()
    kept = byref(filled("threshold", value=np.nan))
    for function in ("predict_sets", "tally_sets"):
        assert name(calls(Call(), out, threshold=kept)[function]()) == "OPTION"
    assert out.untouched()


def test_thresholds_by_class():
    """Read where a struct has them, value and ties then not; and gone from what is found."""
    values = np.array([np.nan, 0, 0, 0, 0])
    call, out = Call(), Outputs()
    for classes, status in ((CLASSES, "OPTION"), (CLASSES - 1, "SIZE"), (0, "SIZE")):
        kept = filled("threshold", classes=classes, class_values=values.ctypes.data, value=np.nan)
        for function in ("predict_sets", "tally_sets"):
            assert name(calls(call, out, threshold=byref(kept))[function]()) == status
    assert out.untouched()
    values[:] = 0
    kept.classes, kept.ties = CLASSES, 1
    assert calls(call, out, threshold=byref(kept))["predict_sets"]() == 0
    assert out.integers[ROWS] == call.logits.size
    found = calls(call, out, found=byref(kept))["average_k_threshold"]
    assert found() == 0, message()
    assert (kept.classes, kept.class_values) == (0, None)


def test_arrays_of_a_tally_overlap():
    """A row is added to each of them: what one has must not be another's."""
    call, out = Call(), Outputs()
    shared = np.full(3 * CLASSES, 7.0)
    pointers = [shared[start * CLASSES :].ctypes.data for start in range(3)]
    kept = byref(filled("threshold"))
    for pair in ((0, 1), (0, 2), (1, 2)):
        places = [*pointers]
        places[pair[1]] = places[pair[0]] + 8 * (CLASSES - 1)
        status = library.topkloss_tally_sets(kept, -100, byref(call.batch), *places)
        assert name(status) == "ALIASING"
        assert "overlaps" in message()
    for other in (shared, shared[CLASSES - 1 :]):
        arrays = {"numbers": shared.ctypes.data, "weights": other.ctypes.data}
        assert name(calls(call, out, **arrays)["tally_topk"]()) == "ALIASING"
    assert (shared == 7).all()
    assert library.topkloss_tally_sets(kept, -100, byref(call.batch), *pointers) == 0, message()


def test_weights_whose_sum_is_infinite():
    call, out = Call(), Outputs()
    weights = np.full(ROWS, 1e308)
    call.batch.sample_weight = weights.ctypes.data
    topk = byref(filled("topk_accuracy_options"))
    assert name(library.topkloss_topk_accuracy(topk, byref(call.batch), byref(out.one))) == (
        "NOT_FINITE"
    )
    for function in ("average_k_accuracy", "shot_accuracy", "tally_topk", "tally_sets"):
        assert name(calls(call, out)[function]()) == "NOT_FINITE"
        assert "weights" in message()
    assert out.untouched()


def test_prevalences_too_small_for_a_number():
    call = Call(dtype=np.float64)
    call.logits[...] = 0
    counts, thresholds = np.array([5e-324, 1e300, 1, 1, 1]), np.full(CLASSES, 7.0)
    for coverage in (0.1, 0.5, 0.7):
        options = filled(
            "conformal_options", method=2, classes=CLASSES, class_counts=counts.ctypes.data
        )
        options.coverage = coverage
        status = library.topkloss_conformal_thresholds(
            byref(options), byref(call.batch), thresholds.ctypes.data
        )
        assert status == 0, message()
        assert (thresholds == 0).all()


def test_what_a_tally_comes_to():
    """Each function with one wrong argument after another, and then with none."""
    sums, weights, means = np.array([1.0, 0, 3]), np.array([2.0, 0, 4]), np.full(3, 7.0)
    found, figures = c_double(7), {}
    shots = shot_options(classes=3)
    right = {
        "tally_average": [0, 3, sums.ctypes.data, weights.ctypes.data, byref(found)],
        "tally_shortfall": [0.7, 3, sums.ctypes.data, weights.ctypes.data, byref(found)],
        "tally_shots": [shots, sums.ctypes.data, weights.ctypes.data, means.ctypes.data],
    }
    wrong = {
        "tally_average": [(2, "ENUMERATOR"), (0, "SIZE"), *[(None, "NULL_POINTER")] * 3],
        "tally_shortfall": [(1.5, "OPTION"), (LEAST, "SIZE"), *[(None, "NULL_POINTER")] * 3],
        "tally_shots": [(None, "NULL_POINTER")] * 4,
    }
    for function, arguments in right.items():
        for place, (value, status) in enumerate(wrong[function]):
            spoiled = [*arguments]
            spoiled[place] = value
            assert name(getattr(library, f"topkloss_{function}")(*spoiled)) == status, function
            if value is None and place == len(arguments) - 3:
                assert ("hits" if function == "tally_shortfall" else "sums") in message()
        assert (found.value, *means) == (7,) * 4
        assert getattr(library, f"topkloss_{function}")(*arguments) == 0, message()
        figures[function], found.value = found.value, 7
    assert figures["tally_average"] == pytest.approx(4 / 6)
    assert figures["tally_shortfall"] == pytest.approx(0.1)
    counts = COUNTS[:3]
    groups = (counts > 100, (counts >= 20) & (counts <= 100), counts < 20)
    expected = [sums[g].sum() / weights[g].sum() if weights[g].any() else np.nan for g in groups]
    np.testing.assert_allclose(means, expected)


def test_a_threshold_starts_at_0_with_all_ties():
    made = filled("threshold")
    assert (made.value, made.ties) == (0, -1)


def test_room_for_sets():
    """Without room the numbers of classes are written, and no class."""
    call, out = Call(), Outputs()
    kept = filled("threshold", value=-np.inf)
    head = byref(kept), 0, byref(call.batch), out.integers.ctypes.data
    assert library.topkloss_predict_sets(*head, None, 0) == 0
    assert out.integers[: ROWS + 1].tolist() == [0, 5, 10, 15, 20]
    assert (out.integers[ROWS + 1 :] == 7).all()
    out.integers[:] = 7
    for room in (0, 19, -1):
        status = library.topkloss_predict_sets(*head, out.more.ctypes.data, room)
        assert name(status) == "SIZE"
        assert (out.more == 7).all()
    assert out.integers[ROWS] == 20
    assert library.topkloss_predict_sets(*head, out.more.ctypes.data, 20) == 0
    assert out.more[:20].tolist() == [*range(5)] * 4
    assert (out.more[20:] == 7).all()


def test_functions_of_a_teacher_refuse_other_losses():
    other, out = Call("cross_entropy"), Outputs()
    status = library.topkloss_outlying_mse_teacher(other.loss, CLASSES, out.numbers.ctypes.data)
    assert name(status) == "OPTION"
    assert name(calls(other, out, mse=other.loss)["predict"]()) == "OPTION"
    for classes in (-1, 0, CLASSES - 1, CLASSES + 1, LARGEST):
        status = library.topkloss_outlying_mse_teacher(MSE.loss, classes, out.numbers.ctypes.data)
        assert name(status) == "SIZE"
    assert name(library.topkloss_outlying_mse_teacher(None, CLASSES, None)) == "NULL_POINTER"
    assert name(library.topkloss_outlying_mse_teacher(MSE.loss, CLASSES, None)) == "NULL_POINTER"
    assert out.untouched()


def test_options_of_class_weights():
    weights = np.full(5, 7.0)
    given = {"classes": 5, "class_counts": COUNTS.ctypes.data, "weighting": 1}
    for wrong, status in (
        ({"weighting": 2}, "ENUMERATOR"),
        ({"beta": 1.0}, "OPTION"),
        ({"count_smoothing": -1.0}, "OPTION"),
        ({"class_counts": None}, "NULL_POINTER"),
        ({"classes": 0}, "SIZE"),
        ({"struct_size": 3}, "STRUCT_SIZE"),
    ):
        options = filled("class_weights_options", **{**given, **wrong})
        data = weights.ctypes.data
        assert name(library.topkloss_class_weights(byref(options), data)) == status
    assert name(library.topkloss_class_weights(None, data)) == "NULL_POINTER"
    options = filled("class_weights_options", **given, beta=0.9)
    assert name(library.topkloss_class_weights(byref(options), None)) == "NULL_POINTER"
    assert (weights == 7).all()
    assert library.topkloss_class_weights(byref(options), weights.ctypes.data) == 0
    other = np.empty(5)
    library.topkloss_effective_number(5, COUNTS.ctypes.data, 0.9, other.ctypes.data)
    assert weights.tobytes() == other.tobytes()


@pytest.mark.parametrize("function", ["inverse_frequency", "effective_number"])
def test_class_weights(function):
    weights = np.full(5, 7.0)
    beta = [0.9] if function == "effective_number" else []

    def run(classes, counts, target):
        return name(getattr(library, f"topkloss_{function}")(classes, counts, *beta, target))

    counts, target = COUNTS.ctypes.data, weights.ctypes.data
    assert run(5, None, target) == run(5, counts, None) == "NULL_POINTER"
    for classes in (0, -1, LEAST, 2**61, LARGEST):
        assert run(classes, counts, target) == "SIZE"
    assert (weights == 7).all()
    assert run(5, counts, target) == "OK" or weights.sum() == pytest.approx(5)
    in_place = COUNTS.copy()
    run(5, in_place.ctypes.data, in_place.ctypes.data)
    assert in_place.tobytes() == weights.tobytes()

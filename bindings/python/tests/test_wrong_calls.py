"""Wrong arguments of calls: the status, words that name the culprit, and nothing written."""

from __future__ import annotations

import numpy as np
import pytest
from case import CLASS_OF
from losses import CASES
from support import refuses

import topkloss

ROWS, CLASSES = 4, 5
LABELS = np.arange(ROWS)


def zeros(rows=ROWS, classes=CLASSES, dtype=np.float32):
    return np.zeros((rows, classes), dtype)


def read_only(dtype=np.float32):
    array = zeros(dtype=dtype)
    array.flags.writeable = False
    return array


LOSSES = [(case, case.make(np.arange(1.0, 1 + CLASSES))) for case in CASES]
WRONG_CALLS = [
    *[("labels", [0, 1, y, 7_000_000], "LABEL", [2, y, 5]) for y in (5, -1, -101, 2**40, -(2**63))],
    ("labels", np.zeros(4, bool), "ENUMERATOR", ["labels has dtype bool", "integers"]),
    ("labels", np.zeros(4), "ENUMERATOR", ["labels has dtype float64", "integers"]),
    ("labels", ["cat"] * 4, "ENUMERATOR", ["labels has dtype", "integers"]),
    ("labels", [0, None, 1, 2], "ENUMERATOR", ["labels has dtype object"]),
    ("labels", np.array([0, 1, 2, 2**64 - 100], np.uint64), "LABEL", ["labels", 2**64 - 100]),
    ("labels", np.zeros(3, int), "SIZE", ["labels has shape (3,)", "4 rows", "(4,)"]),
    ("labels", np.zeros((4, 1), int), "SIZE", ["labels has shape (4, 1)", "4 rows"]),
    ("labels", np.zeros((4, 5), int), "SIZE", ["labels has shape (4, 5)"]),
    ("labels", 3, "SIZE", ["labels has shape ()"]),
    ("labels", [[0, 1], [2]], "ENUMERATOR", ["labels cannot be read"]),
    ("logits", np.zeros(5, np.float32), "SIZE", [" has shape (4,"]),
    ("logits", np.zeros((2, 2, 5), np.float32), "SIZE", [" has shape (4,", "(2, 2, "]),
    ("logits", np.float32(1), "SIZE", ["logits has shape ()"]),
    ("logits", np.zeros((4, 5), int), "ENUMERATOR", ["logits has dtype int64", "float32"]),
    ("logits", LABELS, "ENUMERATOR", ["logits has dtype int64", "labels come after"]),
    ("logits", np.zeros((4, 5), bool), "ENUMERATOR", ["logits has dtype bool"]),
    ("logits", np.zeros((4, 5), complex), "ENUMERATOR", ["logits has dtype complex128"]),
    ("logits", np.zeros((4, 5), np.uint16), "ENUMERATOR", ["logits has dtype uint16"]),
    ("logits", np.zeros((4, 5), np.longdouble), "ENUMERATOR", ["logits has dtype"]),
    ("logits", None, "ENUMERATOR", ["logits has dtype object"]),
    ("logits", "logits", "ENUMERATOR", ["logits has dtype"]),
    ("logits", [[1.0, 2.0], [3.0]], "ENUMERATOR", ["logits cannot be read"]),
    ("sample_weight", np.ones(3), "SIZE", ["sample_weight has shape (3,)", "4 rows"]),
    ("sample_weight", np.ones((4, 1)), "SIZE", ["sample_weight has shape (4, 1)"]),
    ("sample_weight", 1.0, "SIZE", ["sample_weight has shape ()"]),
    ("sample_weight", np.ones(4, complex), "ENUMERATOR", ["sample_weight has dtype complex128"]),
    ("sample_weight", ["a"] * 4, "ENUMERATOR", ["sample_weight has dtype"]),
    ("sample_weight", [1, np.nan, 1, 1], "NOT_FINITE", ["sample_weight", "1", "nan"]),
    ("sample_weight", [1, 1, np.inf, 1], "NOT_FINITE", ["sample_weight", "2", "inf"]),
    ("sample_weight", [1, 1, -0.5, 1], "OPTION", ["sample_weight has the value -0.5", "none"]),
    ("out", zeros(5, 4), "SIZE", ["out has shape (5, 4)", "(4, 5)"]),
    ("out", zeros(4, 6), "SIZE", ["out has shape (4, 6)"]),
    ("out", zeros(3, 5), "SIZE", ["out has shape (3, 5)"]),
    ("out", np.zeros(20, np.float32), "SIZE", ["out has shape (20,)"]),
    ("out", zeros(dtype=np.float64), "ENUMERATOR", ["out has dtype float64", "float32"]),
    ("out", zeros(dtype=np.float16), "ENUMERATOR", ["out has dtype float16"]),
    ("out", zeros(dtype=np.int32), "ENUMERATOR", ["out has dtype int32"]),
    ("out", zeros().astype(">f4"), "ENUMERATOR", ["out has dtype >f4"]),
    ("out", read_only(), "OPTION", ["out is read-only"]),
    ("out", memoryview(bytes(80)).cast("f", (4, 5)), "OPTION", ["out is read-only"]),
    ("out", [[0.0] * 5] * 4, "ENUMERATOR", ["out is a list"]),
    ("out", "out", "ENUMERATOR", ["out is a str"]),
    # Those that some losses have alone.
    ("noise", np.zeros((4, 5, 4)), "SIZE", ["noise has shape (4, 5, 4)", "(4, 5, 5)"]),
    ("noise", np.zeros((4, 4, 5)), "SIZE", ["noise has shape (4, 4, 5)"]),
    ("noise", np.zeros((3, 5, 5)), "SIZE", ["noise has shape (3, 5, 5)"]),
    ("noise", np.zeros((4, 5)), "SIZE", ["noise has shape (4, 5)"]),
    ("noise", np.zeros((4, 5, 5), complex), "ENUMERATOR", ["noise has dtype complex128"]),
    ("noise", "loud", "ENUMERATOR", ["noise has dtype"]),
    *[("step", step, "OPTION", ["step", step]) for step in (-1, 2**64, 0.5, "1")],
    ("multi_label_logits", zeros(4, 6), "SIZE", ["multi_label_logits has shape (4, 6)"]),
    ("multi_label_logits", np.zeros(5), "SIZE", ["multi_label_logits has shape (5,)"]),
    ("multi_label_logits", zeros(dtype=float), "ENUMERATOR", ["_logits has dtype float64"]),
    ("multi_label_logits", None, "ENUMERATOR", ["multi_label_logits has dtype object"]),
    ("threshold", 0.5, "OPTION", ["threshold is 0.5"]),
    ("threshold", topkloss.ThresholdState("high"), "OPTION", ["threshold.value is 'high'"]),
    ("multi_label_out", zeros(4, 6), "SIZE", ["multi_label_out has shape (4, 6)"]),
    ("multi_label_out", zeros(dtype=float), "ENUMERATOR", ["multi_label_out has dtype"]),
    ("multi_label_out", read_only(), "OPTION", ["multi_label_out is read-only"]),
]


def arguments_of(case, **replaced):
    given = {"logits": zeros(), "labels": LABELS, "out": np.full((ROWS, CLASSES), 7, np.float32)}
    if case.heads == 2:
        given |= {"multi_label_logits": zeros(), "multi_label_out": given["out"].copy()}
    return {**given, **replaced}


def takes(case, argument):
    if argument in ("noise", "step"):
        return case.noise
    return argument not in ("threshold", "multi_label_logits", "multi_label_out") or case.heads == 2


@pytest.mark.parametrize(
    ("argument", "value", "status", "words"),
    WRONG_CALLS,
    ids=[f"{argument}-{i}" for i, (argument, *_) in enumerate(WRONG_CALLS)],
)
def test_wrong_argument(argument, value, status, words):
    """Whichever the loss: nothing has been written."""
    for case, loss in LOSSES:
        if not takes(case, argument):
            continue
        given = arguments_of(case, **{argument: value})
        outputs = [given[name] for name in ("out", "multi_label_out") if name in given]
        before = [np.array(each, copy=True) for each in outputs]
        refuses(status, words, loss.value_and_grad, **given)
        for output, array in zip(outputs, before, strict=True):
            assert np.array_equal(np.array(output), array)
        if argument not in ("out", "multi_label_out"):
            alone = {k: v for k, v in given.items() if k not in ("out", "multi_label_out")}
            refuses(status, words, loss, **alone)


def test_number_of_classes():
    """None, another than that of the options' vectors, and none above K."""
    for case, loss in LOSSES:
        refuses("SIZE", ["classes"], loss, *[zeros(4, 0)] * case.heads, LABELS)
        options = case.options(np.ones(5)).values()
        vectors = [v for v in options if isinstance(v, np.ndarray) and len(v) == 5]  # not by rank
        for classes in (4, 6) if vectors else ():
            refuses("SIZE", [classes, 5], loss, zeros(4, classes), [0] * 4)
        for name in ("class_weight", "teacher"):
            if name in case.parameters:
                options = {**case.options(np.ones(3)), name: [1, 2, 3]}
                if name == "teacher":
                    options.pop("alpha")
                weighted = CLASS_OF[case.kind](**options)
                refuses("SIZE", [5, 3], weighted, zeros(), LABELS)
    for k, classes in [(5, 5), (6, 5), (1, 1), (2**62, 5)]:
        for make in (
            topkloss.NoisedTopKLoss,
            lambda k: topkloss.NoisedTopKLoss(k, estimator="exact"),
            topkloss.TopKHingeLoss,
            topkloss.SmoothTopKSVMLoss,
        ):
            refuses("OPTION SIZE", ["k", k], make(k), zeros(2, classes), [0, 0])
    for k in (5, 5.5, 1e300):
        two_heads = topkloss.TwoHeadAverageKLoss(k)
        refuses("OPTION SIZE", ["k"], two_heads, zeros(), zeros(), LABELS)


def strided(strides, offset=0):
    """A view of a float32 memory of its own, strides in elements."""
    memory = np.full(200, 7.0, np.float32)
    steps = tuple(4 * stride for stride in strides)
    return memory, np.lib.stride_tricks.as_strided(memory[offset:], (ROWS, CLASSES), steps)


@pytest.mark.parametrize("head", ["out", "multi_label_out"])
@pytest.mark.parametrize("strides", [(0, 1), (3, 1), (-3, 1), (5, 0), (1, 1), (2, 2)])
def test_output_that_overlaps_itself(strides, head):
    for case, loss in LOSSES:
        if takes(case, head):
            memory, out = strided(strides, 50)
            given = arguments_of(case, **{head: out})
            refuses("ALIASING SIZE", [], loss.value_and_grad, **given)
            assert (memory == 7).all()


@pytest.mark.parametrize(("shift", "stride"), [(1, 5), (4, 5), (5, 5), (-5, 5), (0, 6), (0, 10)])
def test_output_that_overlaps_the_logits(shift, stride):
    for case, loss in LOSSES:
        memory, out = strided((stride, 1), 50 + shift)
        given = arguments_of(case, logits=memory[50:70].reshape(4, 5), out=out)
        refuses("ALIASING", [], loss.value_and_grad, **given)
        assert (memory == 7).all()


def test_output_that_overlaps_labels_or_weights():
    for case, loss in LOSSES:
        memory = np.zeros(40)
        doubles = {name: value.astype(float) for name, value in arguments_of(case).items()}
        doubles |= {"labels": LABELS, "out": memory[:20].reshape(4, 5)}
        for part in (memory[19:23], memory[0:4]):
            for overlapping in ({"labels": part.view(np.int64)}, {"sample_weight": part}):
                given = {**doubles, **overlapping}
                refuses("ALIASING", [], loss.value_and_grad, **given)
        assert not memory.any()


def test_outputs_of_two_heads_may_not_overlap_what_they_do_not_replace():
    logits, second, shared = np.zeros((4, 5)), np.ones((4, 5)), np.zeros((5, 4)).T
    loss = topkloss.TwoHeadAverageKLoss(2)
    for outputs in (
        {"out": second},
        {"multi_label_out": logits},
        {"out": second, "multi_label_out": logits},
        {"out": logits, "multi_label_out": logits},
        {"out": shared, "multi_label_out": shared},
    ):
        refuses("ALIASING", [], loss.value_and_grad, logits, second, LABELS, **outputs)
        assert not logits.any()
        assert (second == 1).all()


def test_in_place_leaves_the_logits_alone():
    """A wrong label in the last of many rows, which several threads share."""
    for case in CASES:
        loss, logits, labels = case.make(np.ones(1000)), zeros(300, 1000), np.zeros(300, int)
        labels[299] = 1000
        given = {"logits": logits, "labels": labels, "out": logits}
        if case.heads == 2:
            given["multi_label_logits"] = given["multi_label_out"] = zeros(300, 1000)
        refuses("LABEL", [299, 1000], loss.value_and_grad, **given)
        assert not logits.any()


def test_labels_that_another_loss_would_ignore():
    loss = topkloss.CrossEntropyLoss(ignore_index=0)
    refuses("LABEL", [-100], loss, zeros(), [-100] * 4)


def test_a_refused_call_leaves_the_threshold_alone():
    state = topkloss.ThresholdState(0.5)
    loss = topkloss.TwoHeadAverageKLoss(2)
    with pytest.raises(topkloss.TopKLossError):
        loss.value_and_grad(zeros(), zeros(), [0, 1, 2, 9], threshold=state)
    assert state.value == 0.5


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", (-1, 2**64, 1.5)),
        ("step", (-1, 2**64, "a")),
        ("first_row", (-1, 2**63)),
        ("rows", (-1, 2**62)),
        ("n_samples", (0, -1, 2**62, 1_000_001)),
        ("classes", (0, -1, 2**62)),
    ],
)
def test_standard_normal(name, values):
    given = {"seed": 0, "step": 0, "first_row": 0, "rows": 1, "n_samples": 1, "classes": 1}
    for value in values:
        with pytest.raises(topkloss.TopKLossError, match=name):
            topkloss.standard_normal(**{**given, name: value})


def test_nothing_is_printed(capfd):
    with pytest.raises(topkloss.TopKLossError):
        topkloss.CrossEntropyLoss()(zeros(), [9] * 4)
    assert capfd.readouterr() == ("", "")

"""Values that may be missing, of NumPy, pandas and Arrow: refused where some are, everywhere."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from losses import CASES
from support import refuses

import topkloss

LOGITS = np.float32([[0.5, 1.5, -2.0], [0.0, 0.25, 0.125]])
LABELS = np.array([2, 1])
LOSS = topkloss.CrossEntropyLoss()
WORDS = ["is a masked array", "filled"]


def masked(value):
    return np.ma.masked_array(value, mask=np.arange(np.size(value)).reshape(np.shape(value)) == 1)


def test_masked_arrays_are_refused_by_every_loss():
    for case in CASES:
        loss = case.make(np.arange(1.0, 4))
        given = {"logits": LOGITS, "labels": LABELS, "sample_weight": np.ones(2)}
        given["out"] = np.full_like(LOGITS, 7)
        if case.heads == 2:
            given |= {"multi_label_logits": LOGITS, "multi_label_out": given["out"].copy()}
        if case.noise:
            given["noise"] = np.zeros((2, loss.n_samples, 3), np.float32)
        for name, value in given.items():
            for wrong in (masked(value), np.ma.masked_array(value), [*masked(value)]):
                if isinstance(wrong, list) and (name.endswith("out") or np.ndim(value) == 1):
                    continue  # refused as a list, and its elements are numbers
                refuses("ENUMERATOR", [name, *WORDS], loss.value_and_grad, **{**given, name: wrong})
        assert (given["out"] == 7).all()


def test_masked_arrays_are_refused_elsewhere():
    counts, threshold = masked(np.array([3.0, 2, 1])), 0.5
    for name, value in (("logits", masked(LOGITS)), ("labels", masked(LABELS.astype(np.uint64)))):
        refuses(
            "ENUMERATOR", [name, *WORDS], LOSS, **{"logits": LOGITS, "labels": LABELS, name: value}
        )
    for function, *arguments in (
        (topkloss.LogitAdjustedLoss, counts),
        (topkloss.class_weights.inverse_frequency, counts),
        (topkloss.class_weights.effective_number, counts),
        (topkloss.posthoc.logit_adjust, LOGITS, counts),
        (topkloss.posthoc.logit_adjust, masked(LOGITS), [3, 2, 1]),
        (topkloss.posthoc.average_k_threshold, masked(LOGITS), 1),
        (topkloss.posthoc.predict_sets, masked(LOGITS), threshold),
        (topkloss.metrics.topk_accuracy, LOGITS, masked(LABELS)),
        (topkloss.metrics.shot_accuracy, LOGITS, LABELS, counts),
        (topkloss.noised_topk, masked(LOGITS), 1),
        (topkloss.OutlyingMSELoss([3, 2, 1]).predict, masked(LOGITS)),
    ):
        refuses("ENUMERATOR", WORDS, function, *arguments)


def test_lists_without_end():
    endless = []
    endless.append(endless)
    refuses("ENUMERATOR", ["logits cannot be read"], LOSS, endless, LABELS)


class Lying(np.ndarray):
    """An array that says it has other sizes than it has."""

    shape = property(lambda _: (1000, 3))
    strides = property(lambda _: (12, 4))


def test_subclasses_are_read_as_what_they_are():
    lying = LOGITS.view(Lying)
    expected = LOSS.value_and_grad(LOGITS, LABELS)
    out = np.zeros_like(LOGITS).view(Lying)
    value, gradient = LOSS.value_and_grad(lying, LABELS, out=out)
    assert gradient is out
    assert value == expected[0]
    assert np.array_equal(np.asarray(out), expected[1])
    assert LOSS(LOGITS, LABELS.view(Lying)) == value
    refuses("SIZE", ["labels has shape"], LOSS, lying, np.zeros(1000, int))
    assert LOSS(LOGITS.view(np.matrix), LABELS) == value


def test_whatever_reading_raises_names_the_argument():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise KeyError("no such column")

    refuses("ENUMERATOR", ["labels cannot be read", "no such column"], LOSS, LOGITS, Broken())


@pytest.mark.parametrize("kind", ["Float32", "float[pyarrow]"])
def test_columns_of_pandas(kind):
    """Those that know of missing values, beside others; labels and weights too."""
    pandas = pytest.importorskip("pandas", minversion="2.2")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(LOGITS).astype({0: kind, 1: kind})
    whole = kind.replace("Float32", "Int64").replace("float", "int64")
    labels, weights = pandas.Series(LABELS, dtype=whole), pandas.Series([0.5, 2.0], dtype=kind)
    expected = LOSS.value_and_grad(LOGITS, LABELS, sample_weight=[0.5, 2])
    value, gradient = LOSS.value_and_grad(frame, labels, sample_weight=weights)
    assert value == expected[0]
    assert np.array_equal(gradient, expected[1])
    assert LOSS(frame, pandas.Index(labels)) == LOSS(frame, labels.array) == LOSS(LOGITS, LABELS)
    flags = pandas.Series([True, False], dtype="boolean")
    assert LOSS(LOGITS, LABELS, sample_weight=flags) == LOSS(LOGITS[:1], LABELS[:1])

    words = ["has missing values, 1 in all"]
    given = {"logits": frame, "labels": labels, "sample_weight": weights}
    for name, values in given.items():
        gap = values.copy()
        if name == "logits":
            gap.loc[1, 0] = pandas.NA
        else:
            gap[1] = pandas.NA
        refuses("ENUMERATOR", [name, *words], LOSS, **{**given, name: gap})
    gap = pandas.Series([1, None, 3], dtype=whole)
    refuses("ENUMERATOR", ["class_counts", *words], topkloss.LogitAdjustedLoss, gap)
    refuses("ENUMERATOR", ["np.unique"], LOSS, LOGITS, pandas.Series(["a", "b"], dtype="category"))


def test_arrow():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table([*LOGITS.T], names=["a", "b", "c"])
    assert LOSS(table, arrow.array(LABELS)) == LOSS(LOGITS, LABELS)
    assert LOSS(table, arrow.chunked_array([[2], [1]])) == LOSS(LOGITS, LABELS)
    gap = arrow.chunked_array([[2], [None]])
    refuses("ENUMERATOR", ["labels has missing values"], LOSS, table, gap)
    refuses("ENUMERATOR", ["labels cannot be read"], LOSS, table, arrow.array([2, None]))
    table = arrow.table([[1.0, None]] * 3, names=["a", "b", "c"])
    refuses("ENUMERATOR", ["logits has missing values, 3"], LOSS, table, LABELS)


def test_likely_mistakes_are_named():
    labels = np.repeat([2, 0, 1, 0], 25)
    for function in (topkloss.LogitAdjustedLoss, topkloss.class_weights.inverse_frequency):
        refuses("CLASS_COUNT", ["may be labels", "bincount"], function, labels)
        refuses(
            "ENUMERATOR",
            ["is a Counter", "for c in range(C)"],
            function,
            collections.Counter(labels),
        )
    refuses("CLASS_COUNT", ["may be labels"], topkloss.posthoc.logit_adjust, LOGITS, labels)
    with pytest.raises(topkloss.TopKLossError) as caught:
        topkloss.LogitAdjustedLoss([0, 900])
    assert "labels" not in str(caught.value)
    refuses("ENUMERATOR", ["logits has dtype int64", "labels come after"], LOSS, LABELS, LOGITS)
    accuracy = topkloss.metrics.topk_accuracy
    refuses("ENUMERATOR", ["scores has dtype int64", "labels come after"], accuracy, LABELS, LOGITS)
    refuses("ENUMERATOR", ["logits has dtype object", "a dict"], LOSS, {"a": 1}, LABELS)


def test_counts_in_the_order_of_their_size():
    """As value_counts() of pandas has them."""
    pandas = pytest.importorskip("pandas", minversion="2.2")
    counts = pandas.Series([2, 1, 1, 1, 0, 0]).value_counts()
    refuses(
        "ENUMERATOR", ["order of the classes", "sort_index"], topkloss.LogitAdjustedLoss, counts
    )
    loss = topkloss.LogitAdjustedLoss(counts.sort_index())
    assert loss.class_counts.tolist() == [2, 3, 1]

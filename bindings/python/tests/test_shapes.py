"""Rows along any number of axes: values, gradients and predictions in the shape of the logits."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import reference
from losses import CASES, cases
from support import FLOAT16, FLOAT32, FLOAT64, assert_gradient, assert_value, refuses

import topkloss

MEMORY = ("contiguous", "padded", "axes backwards", "classes first")
# The axes of the rows, and what goes with them.
SHAPES = tuple(
    zip(
        ((), (6,), (2, 3), (3, 1, 2), (2, 2, 2)),
        (*MEMORY, "axes backwards"),
        (FLOAT64, FLOAT32, FLOAT16, FLOAT32, FLOAT64),
        ("none", "mean", "none", "sum", "mean"),
        strict=True,
    )
)


def laid(array, memory):
    """The same numbers where leading axes have one stride, or have not, or repeat."""
    if memory == "padded":
        wide = np.zeros((*array.shape[:-1], array.shape[-1] + 5), array.dtype)
        wide[..., 2:-3] = array
        return wide[..., 2:-3]
    if memory == "axes backwards":
        lead = range(array.ndim - 1)
        order = (*reversed(lead), array.ndim - 1)
        return np.ascontiguousarray(array.transpose(order)).transpose(order)
    if memory == "classes first":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 0)), 0, -1)
    return array.copy()


@cases
def test_any_leading_axes(case, rng):
    """Against the formulation of the same rows as a matrix; new, elsewhere and in place."""
    for lead, memory, dtype, reduction in SHAPES:
        check_leading_axes(case, lead, memory, dtype, reduction, rng)


def check_leading_axes(case, lead, memory, dtype, reduction, rng):
    classes = 7
    rows = int(np.prod(lead))
    batch = case.sample(rng, (rows, classes), dtype)
    weights = rng.uniform(0.1, 2, lead)
    expected, expected_gradient = batch.expect(reduction=reduction, sample_weight=weights.ravel())
    loss = case.make(batch.counts, reduction=reduction)

    heads = [laid(head.reshape(*lead, classes), memory) for head in batch.heads(batch.logits)]
    given = {"labels": batch.labels.reshape(lead), "sample_weight": weights}
    if batch.noise is not None:
        given["noise"] = batch.noise.reshape(*lead, *batch.noise.shape[1:])
    outputs = [laid(np.zeros((*lead, classes), dtype), memory) for _ in heads]
    names = ("out", "multi_label_out")[: case.heads]
    for out in (None, outputs, heads):
        places = {} if out is None else dict(zip(names, out, strict=True))
        value, found = loss.value_and_grad(*heads, **given, **places)
        gradients = found if case.heads == 2 else (found,)
        assert reduction != "none" or value.shape == lead
        assert_value(
            value, expected.reshape(lead) if reduction == "none" else expected, dtype, case.looser
        )
        for gradient, right in zip(gradients, batch.heads(expected_gradient), strict=True):
            assert gradient.shape == (*lead, classes)
            assert_gradient(gradient.reshape(rows, classes), right, dtype, case.looser)
        if out is not None:
            assert all(g is o for g, o in zip(gradients, out, strict=True))


def test_repeated_axes_are_read():
    logits = np.broadcast_to(np.float32([1, 2, 3]), (2, 4, 3))
    values = topkloss.CrossEntropyLoss(reduction="none")(logits, np.full((2, 4), 2))
    np.testing.assert_allclose(values, np.log(np.exp([1, 2, 3]).sum()) - 3, rtol=1e-6)
    assert values.shape == (2, 4)


def test_labels_lie_as_the_logits_do(rng):
    """One transposed and one not: rows are paired by index, not by memory."""
    logits = rng.standard_normal((3, 4, 5))
    labels = rng.integers(5, size=(4, 3)).T
    values = topkloss.CrossEntropyLoss(reduction="none")(logits, labels)
    for place in np.ndindex(3, 4):
        right = reference.softmax_margin_row(logits[place], labels[place])[0]
        assert values[place] == pytest.approx(right)


def test_no_rows():
    for case in CASES:
        loss = case.make(np.arange(1.0, 6), reduction="none")
        heads = [np.zeros((2, 0, 3, 5), np.float32)] * case.heads
        assert loss(*heads, np.zeros((2, 0, 3), int)).shape == (2, 0, 3)
        _, found = loss.value_and_grad(*heads, np.zeros((2, 0, 3), int))
        assert all(g.shape == (2, 0, 3, 5) for g in (found if case.heads == 2 else (found,)))


@pytest.mark.parametrize("memory", MEMORY[:2])
def test_no_copy_of_rows_at_one_distance(memory, rng):
    logits = laid(rng.standard_normal((8, 40, 1000)), memory)
    labels = rng.integers(1000, size=(8, 40))
    loss = topkloss.CrossEntropyLoss()
    for arguments in ({}, {"out": logits}):
        call = loss.value_and_grad if arguments else loss
        tracemalloc.start()
        call(logits, labels, **arguments)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100_000


def test_after_training(rng):
    """Metrics, sets and adjusted scores of the same rows, by the formulation or by hand."""
    scores, labels = rng.standard_normal((2, 3, 5)), rng.integers(5, size=(2, 3))
    counts = np.array([9.0, 1, 4, 2, 3])
    expected = reference.topk_accuracy(scores.reshape(6, 5), labels.ravel(), 2, average="macro")
    assert topkloss.metrics.topk_accuracy(scores, labels, 2, average="macro") == pytest.approx(
        expected
    )
    ranked = np.argsort(-scores.ravel())[:9]
    kept = np.zeros(30, bool)
    kept[ranked] = True
    hits = kept.reshape(2, 3, 5)[(*np.indices((2, 3)), labels)]
    assert topkloss.metrics.average_k_accuracy(scores, labels, 1.5) == hits.mean()
    threshold = topkloss.posthoc.average_k_threshold(scores, 1.5)
    indptr, indices = topkloss.posthoc.predict_sets(scores, threshold)
    assert np.array_equal(indptr, [0, *np.cumsum(kept.reshape(6, 5).sum(1))])
    assert np.array_equal(indices, np.nonzero(kept.reshape(6, 5))[1])
    adjusted = topkloss.posthoc.logit_adjust(scores, counts)
    np.testing.assert_allclose(adjusted, scores - np.log(counts / counts.sum()))
    few = topkloss.metrics.shot_accuracy(scores, labels, counts, many=5, few=2).few
    rows = labels == 1
    assert not rows.any() or few == (scores.argmax(-1) == labels)[rows].mean()


def test_operator_and_predictions(rng):
    x = rng.standard_normal((2, 3, 5))
    upstream = rng.uniform(0.5, 2, (2, 3))
    np.testing.assert_array_equal(topkloss.noised_topk(x, 2, 0.0), np.sort(x)[..., -2])
    jacobian = topkloss.noised_topk_vjp(x, 2, 0.0, upstream=upstream)
    expected = (x == np.sort(x)[..., -2:-1]) * upstream[..., None]
    np.testing.assert_allclose(jacobian, expected)
    loss = topkloss.OutlyingMSELoss([5, 4, 3, 2, 1])
    np.testing.assert_array_equal(loss.predict(x), x.argmax(-1))
    assert loss.predict(x[0, 0]).shape == ()


def test_shapes_that_do_not_fit():
    loss = topkloss.CrossEntropyLoss()
    logits = np.zeros((2, 3, 5), np.float32)
    refuses("SIZE", ["labels has shape (6,)", "(2, 3, C)", "(2, 3)"], loss, logits, [0] * 6)
    refuses("SIZE", ["labels has shape (5,)", "(C,)", "()"], loss, logits[0, 0], [0] * 5)
    given = logits, np.zeros((2, 3), int)
    refuses("SIZE", ["sample_weight has shape (2,)"], loss, *given, sample_weight=[1, 1])
    out = np.zeros((6, 5), np.float32)
    refuses("SIZE", ["out has shape (6, 5)", "(2, 3, 5)"], loss.value_and_grad, *given, out=out)
    head = np.zeros((6, 5), np.float32)
    refuses("SIZE", ["multi_label"], topkloss.TwoHeadAverageKLoss(2), logits, head, given[1])

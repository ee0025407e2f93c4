"""The last layer and a loss together, for NumPy: what the loss of the layer's scores gives."""

from __future__ import annotations

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from case import Case
from losses import CASES, SOFT
from support import FLOAT32, FLOAT64, LINEAR_BARS, long_tail, refuses

import topkloss
from topkloss import _linear_loss, linear_loss

ROWS, WIDTH, CLASSES = 7, 5, 21
FEW = 3 * CLASSES * 8
"""Bytes of three rows of float64 scores: of seven rows, the last chunk has one."""

COUNTS = long_tail(CLASSES, np.random.default_rng(3))
SINGLE = [case for case in CASES if not (loss := case.make(COUNTS))._traits.rows_are_compared(loss)]
cases = pytest.mark.parametrize("case", SINGLE, ids=lambda case: case.name)
reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def layer(rows=ROWS, dtype=np.float64):
    """Inputs, weight, labels and bias: cosines could be no larger."""
    rng = np.random.default_rng(4)
    inputs, weight, bias = (
        rng.uniform(-0.5, 0.5, shape).astype(dtype)
        for shape in ((rows, WIDTH), (CLASSES, WIDTH), CLASSES)
    )
    return inputs, weight, rng.integers(CLASSES, size=rows), bias


def expected_of(loss, inputs, weight, labels, bias, **options):
    """From all scores at once."""
    value, gradient = loss.value_and_grad(inputs @ weight.T + bias, labels, **options)
    return value, gradient @ weight, gradient.T @ inputs, gradient.sum(0)


def agree(loss, inputs, weight, labels, bias, **options):
    expected = expected_of(loss, inputs, weight, labels, bias, **options)
    value, gradients = linear_loss(loss, inputs, weight, labels, bias, chunk_bytes=FEW, **options)
    assert isinstance(value, np.ndarray) == (loss.reduction == "none")
    for found, other in zip((value, *gradients), expected, strict=True):
        np.testing.assert_allclose(found, other, **LINEAR_BARS[FLOAT64])


def noise_of(case: Case):
    return {"step": 7} if case.kind == "noised_topk" else {}


@cases
@reductions
def test_the_answer_of_the_scores(case, reduction):
    inputs, weight, labels, bias = layer()
    labels[2] = -100
    weights = np.arange(ROWS) + 0.5
    loss = case.make(
        COUNTS, reduction=reduction, **case.class_options(np.random.default_rng(1), CLASSES)
    )
    agree(loss, inputs, weight, labels, bias, sample_weight=weights, **noise_of(case))


@pytest.mark.parametrize("case", SOFT, ids=lambda case: case.name)
def test_soft_labels(case):
    inputs, weight, _, bias = layer()
    soft = np.random.default_rng(6).uniform(size=(ROWS, CLASSES))
    options = case.class_options(np.random.default_rng(1), CLASSES)
    agree(case.make(COUNTS, **options), inputs, weight, soft, bias, sample_weight=np.arange(ROWS))


def test_noise_does_not_depend_on_chunks(monkeypatch):
    inputs, weight, labels, bias = layer()
    whole, parts = (topkloss.NoisedTopKLoss(3, reduction="none") for _ in range(2))
    call, batches = _linear_loss.call, []

    def noted(owner, batch, result):
        batches.append((batch.step, batch.first_row, batch.logits == result.gradient))
        return call(owner, batch, result)

    monkeypatch.setattr(_linear_loss, "call", noted)
    for step in range(2):
        batches.clear()
        expected = whole(inputs @ weight.T + bias, labels)
        found, _ = linear_loss(parts, inputs, weight, labels, bias, chunk_bytes=FEW)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
        assert batches == [(step, first, True) for first in (0, 3, 6)]


@reductions
def test_leading_axes(reduction):
    inputs, weight, labels, bias = layer(24)
    loss = topkloss.CrossEntropyLoss(reduction=reduction)
    expected, expected_gradients = linear_loss(loss, inputs, weight, labels, bias)
    lead = (2, 3, 4)
    value, gradients = linear_loss(
        loss, inputs.reshape(*lead, WIDTH), weight, labels.reshape(lead), bias
    )
    assert np.shape(value) == (lead if reduction == "none" else ())
    assert np.array_equal(np.ravel(value), np.ravel(expected))
    assert gradients[0].shape == (*lead, WIDTH)
    for one, other in zip(gradients, expected_gradients, strict=True):
        assert np.array_equal(np.ravel(one), np.ravel(other))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_other_dtypes_are_computed_in_float32(dtype):
    inputs, weight, labels, bias = layer(dtype=dtype)
    loss = topkloss.CrossEntropyLoss()
    value, gradients = linear_loss(loss, inputs, weight, labels, bias, chunk_bytes=100)
    exact = [each.astype(np.float64) for each in (inputs, weight, bias)]
    expected = expected_of(loss, *exact[:2], labels, exact[2])
    for found, other in zip((value, *gradients), expected, strict=True):
        np.testing.assert_allclose(found, other, **LINEAR_BARS[FLOAT32])
    assert {each.dtype for each in gradients} == {np.dtype(np.float32)}
    mixed = linear_loss(loss, inputs, exact[1], labels, bias)[1]
    assert {each.dtype for each in mixed} == {np.dtype(np.float64)}


@pytest.mark.parametrize("frozen", [["inputs"], ("weight", "bias"), {"inputs", "weight", "bias"}])
def test_what_is_frozen_has_no_gradient(frozen, monkeypatch):
    given = layer()
    loss = topkloss.CrossEntropyLoss()
    expected, every = linear_loss(loss, *given)
    call, results = _linear_loss.call, []
    monkeypatch.setattr(
        _linear_loss, "call", lambda *args: (results.append(args[2]), call(*args))[1]
    )
    value, gradients = linear_loss(loss, *given, frozen=frozen)
    assert value == expected
    for name, one, other in zip(("inputs", "weight", "bias"), gradients, every, strict=True):
        assert (one is None) == (name in frozen)
        assert one is None or np.array_equal(one, other)
    assert bool(results[0].gradient) == (len(frozen) < 3)


def test_without_a_bias_there_is_no_gradient_of_one():
    inputs, weight, labels, _ = layer()
    loss = topkloss.CrossEntropyLoss()
    value, (_, found, none) = linear_loss(loss, inputs, weight, labels)
    expected = expected_of(loss, inputs, weight, labels, 0)
    assert none is None
    assert value == pytest.approx(expected[0])
    np.testing.assert_allclose(found, expected[2])


@reductions
def test_batches_of_which_no_row_counts(reduction):
    inputs, weight, labels, bias = layer()
    loss = topkloss.CrossEntropyLoss(reduction=reduction)
    for rows, of in ((inputs, np.full(ROWS, -100)), (inputs[:0], labels[:0])):
        for width in (WIDTH, 0):
            value, gradients = linear_loss(loss, rows[:, :width], weight[:, :width], of, bias)
            assert gradients[0].shape == (len(rows), width)
            assert not np.any(value)
            assert not any(each.any() for each in gradients)


MEMORY = """
import resource, numpy as np, topkloss
def run(rows, classes):
    inputs, weight = np.zeros((rows, 16), np.float32), np.zeros((classes, 16), np.float32)
    labels = np.zeros(rows, np.int64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    topkloss.linear_loss(topkloss.CrossEntropyLoss(), inputs, weight, labels, chunk_bytes=1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
run(8, 100)
print(run(1000, 20_000))
"""


def test_memory_is_not_that_of_scores():
    """Scores of 80 MB; the weight and its gradient have 1.3 MB each."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16_000  # KiB


def test_losses_that_compare_rows_are_refused():
    inputs, weight, labels, _ = layer()
    losses = (topkloss.SinglePositiveLoss("epr", expected_positives=2.0),)
    for loss in losses:
        words = "compares the rows", type(loss).__name__
        refuses("OPTION", words, linear_loss, loss, inputs, weight, labels)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"loss": "cross"}, "ENUMERATOR", ["loss is a str"]),
        ({"inputs": np.zeros((7, 4))}, "SIZE", ["inputs", "(7, 4)", "(..., 5)"]),
        ({"weight": np.zeros(5)}, "SIZE", ["weight", "(C, D)"]),
        ({"bias": np.zeros(5)}, "SIZE", ["bias", "(21,)"]),
        ({"weight": np.zeros((21, 5), complex)}, "ENUMERATOR", ["weight", "complex"]),
        ({"labels": np.zeros(6, int)}, "SIZE", ["labels", "(6,)", "(7,)"]),
        ({"labels": np.zeros(7)}, "SIZE", ["labels", "soft", "(7, 21)"]),
        ({"labels": ["a"] * 7}, "ENUMERATOR", ["labels"]),
        ({"sample_weight": np.ones(1)}, "SIZE", ["sample_weight", "(1,)", "(7,)"]),
        ({"sample_weight": -np.ones(7)}, "OPTION", ["sample_weight has the value -1"]),
        ({"sample_weight": np.full(7, 1.7e308)}, "NOT_FINITE", ["weights"]),
        ({"frozen": ["weights"]}, "OPTION", ["'weights'", "'weight'"]),
        ({"chunk_bytes": 0}, "OPTION", ["chunk_bytes is 0"]),
        ({"step": 3}, "OPTION", ["step is 3", "no noise"]),
        ({"labels": np.array([0, 0, 0, 0, 21, 0, 0])}, "LABEL", ["rows 3 to 5", "labels[1]"]),
    ],
)
def test_wrong_calls(change, status, words):
    inputs, weight, labels, bias = layer()
    given = {"loss": topkloss.CrossEntropyLoss(), "inputs": inputs, "weight": weight}
    given |= {"labels": labels, "bias": bias, "chunk_bytes": FEW, **change}
    if "sample_weight" in change and change["sample_weight"][0] > 1:
        given["chunk_bytes"] = CLASSES * 8  # each weight by itself is finite
    refuses(status, words, linear_loss, **given)

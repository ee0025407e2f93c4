"""Soft labels: each class's loss as a label, times its share, all in one pass over the row."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from case import large
from layouts import LAYOUTS, with_strides
from losses import BY_KIND, SOFT
from pairwise import pairwise
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
    refuses,
)

import topkloss

SHAPES = ((1, 1), (2, 2), (5, 7), (5, 16), (5, 17), (3, 600))
soft = pytest.mark.parametrize("case", SOFT, ids=lambda case: case.name)


def targets(rng, shape, dtype):
    """Distributions, two classes mixed, one alone, any sum, and nothing at all; by turns."""
    rows, classes = shape
    q = rng.dirichlet(np.full(classes, 0.3), rows)
    first, second = rng.integers(classes, size=(2, rows))
    identity = np.eye(classes)
    q[1::5] = 0.3 * identity[first[1::5]] + 0.7 * identity[second[1::5]]
    q[2::5] = identity[first[2::5]]
    q[3::5] = 3 * rng.random(q[3::5].shape)
    q[4::5] = 0
    return q.astype(dtype)


def expect(batch, q, given, **options):
    """The formulation's value(s) and gradient: the mean divides by the sum of sample weights."""
    row = batch.case.row(batch.counts)
    rows = [
        reference.soft_row(row, z, one, **given) for z, one in zip(batch.logits, q, strict=True)
    ]
    return reference.reduced(rows, np.zeros(len(q), np.int64), **options)


@pairwise(
    case=SOFT,
    shape=SHAPES,
    dtype=DTYPES,
    reduction=("mean", "sum", "none"),
    options=("plain", "weighted", "of classes"),
)
def test_value_and_gradient(case, shape, dtype, reduction, options, rng):
    """Against the formulation; elsewhere, in place, and the value alone."""
    batch = case.sample(rng, shape, dtype)
    q = targets(rng, shape, dtype)
    of_call = {} if options == "plain" else {"sample_weight": rng.uniform(0.1, 2, shape[0])}
    given = case.class_options(rng, shape[1]) if options == "of classes" else {}
    expected, slope = expect(batch, q, given, reduction=reduction, **of_call)
    loss = case.make(batch.counts, reduction=reduction, **given)
    value, gradient = loss.value_and_grad(batch.logits, q, **of_call)
    assert_value(value, expected, dtype)
    assert_gradient(gradient, slope, dtype)
    assert bits(loss(batch.logits, q, **of_call)) == bits(value)
    again, _ = loss.value_and_grad(batch.logits, q, out=batch.logits, **of_call)
    assert bits(again) == bits(value)
    assert bits(batch.logits) == bits(gradient)


@soft
def test_central_differences(case, rng):
    batch = case.sample(rng, (5, 6))
    q = targets(rng, (5, 6), FLOAT64)
    loss = case.make(batch.counts, **case.class_options(rng, 6))
    _, gradient = loss.value_and_grad(batch.logits, q)
    step = 1e-5
    for index in np.ndindex(batch.logits.shape):
        sides = []
        for change in (step, -step):
            logits = batch.logits.copy()
            logits[index] += change
            sides.append(loss(logits, q))
        slope = (sides[0] - sides[1]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=3e-6 if case.bounded else 1e-8)


@soft
def test_one_class_is_a_label(case, rng):
    """Rows that are right keep their small numbers: 1 - p must come from the other classes."""
    for dtype, lead, classes in (
        (FLOAT32, 0.0, 3),
        (FLOAT32, 20.0, 40),
        (FLOAT32, 60.0, 1000),
        (FLOAT64, 3.0, 40),
        (FLOAT64, 60.0, 33),
    ):
        check_label(case, dtype, lead, classes, rng)


def check_label(case, dtype, lead, classes, rng):
    batch = case.sample(rng, (6, classes), dtype)
    batch.logits[np.arange(6), batch.labels] += lead / getattr(case.make(batch.counts), "scale", 1)
    weights = rng.uniform(0.1, 3, classes)
    loss = case.make(batch.counts, class_weight=weights, reduction="none")
    q = np.eye(classes, dtype=dtype)[batch.labels]
    values, gradient = loss.value_and_grad(batch.logits, q)
    expected, slope = loss.value_and_grad(batch.logits, batch.labels)
    near = 3e-5 if dtype == FLOAT32 else 1e-12
    np.testing.assert_allclose(values, expected, rtol=near)
    for one, other in zip(gradient, slope, strict=True):
        np.testing.assert_allclose(one, other, rtol=near, atol=near * np.abs(other).max())


def test_margins_above_the_lead(rng):
    """The rivals of the peak are nothing beside it, but not beside what its margin takes off it."""
    for dtype, lead in ((FLOAT32, 150.0), (FLOAT64, 1000.0)):
        logits = rng.standard_normal((3, 21)).astype(dtype)
        logits[:, 5] += lead
        loss = topkloss.MarginSoftmaxLoss(margin=np.full(21, 2 * lead), reduction="none")
        first, second = (loss.value_and_grad(logits, np.full(3, label)) for label in (5, 2))
        for share in (1.0, 0.4):
            q = np.zeros_like(logits)
            q[:, 5], q[:, 2] = share, 1 - share
            found = loss.value_and_grad(logits, q)
            for number, one, other in zip(found, first, second, strict=True):
                expected = share * one + (1 - share) * other
                np.testing.assert_allclose(number, expected, rtol=1e-5, atol=1e-5)


def test_a_peak_without_rivals():
    logits = np.full((1, 5), -np.inf)
    logits[0, 2] = 1
    value, gradient = topkloss.MarginSoftmaxLoss(margin=np.full(5, 0.5)).value_and_grad(
        logits, np.eye(5)[[2]]
    )
    assert value == 0
    assert (gradient == 0).all()


def test_scores_further_apart_than_the_type_can_tell():
    logits, q = np.array([[3e38, -3e38]], FLOAT32), np.array([[0.99, 0.01]], FLOAT32)
    assert topkloss.CrossEntropyLoss()(logits, q) == pytest.approx(6e36, rel=1e-5)


@soft
def test_masked_classes_and_bad_numbers(case, rng):
    """A masked class without a share counts for nothing; with one its row is infinite.

    What is no share makes its own row NaN.
    """
    for dtype in DTYPES:
        check_bad_numbers(case, dtype, rng)


def check_bad_numbers(case, dtype, rng):
    batch = case.sample(rng, (9, 21), dtype)
    q = targets(rng, (9, 21), dtype)
    batch.logits[:, 4] = batch.logits[3] = -np.inf
    q[0, 4], q[1, 4] = 0.25, 0
    q[5, 7], q[6, 4], q[7, 20] = -0.125, np.nan, np.inf
    batch.logits[8, 2] = np.nan
    loss = case.make(batch.counts, reduction="none")
    values, gradient = loss.value_and_grad(batch.logits, q)
    expected, slope = expect(batch, q, {}, reduction="none")
    assert np.isposinf(values[[0, 3]].astype(float)).all()
    assert np.isnan(values[5:].astype(float)).all()
    assert np.isnan(gradient[5:].astype(float)).all()
    assert_value(values, expected, dtype)
    assert_gradient(gradient, slope, dtype)


@soft
def test_logits_of_the_whole_range(case, rng):
    for dtype, powers in ((FLOAT32, (25, 34, 126)), (FLOAT64, (65, 1000)), (BFLOAT16, (33, 126))):
        for power in powers:
            batch = large(case, (6, 40), dtype, power)
            q = targets(rng, (6, 40), dtype)
            loss = case.make(batch.counts, reduction="none")
            values, gradient = loss.value_and_grad(batch.logits, q)
            assert not np.isnan(values.astype(float)).any()
            assert np.isfinite(gradient.astype(float)).all()
            expected, _ = expect(batch, q, {}, reduction="none")
            finite = np.abs(expected) < 1e37
            near = {FLOAT32: 1e-5, FLOAT64: 1e-10, BFLOAT16: 1e-2}[dtype]
            largest = np.abs(batch.logits.astype(float)).max() * 100
            np.testing.assert_allclose(
                values.astype(float)[finite], expected[finite], rtol=near, atol=near * largest
            )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", [SOFT[0], SOFT[-1]], ids=lambda case: case.name)
def test_layouts_dtypes_and_threads(case, dtype, rng):
    """Soft labels lie anywhere; of another dtype they are rounded to that of the scores."""
    batch = case.sample(rng, (60, 1001), dtype)
    q = targets(rng, (60, 1001), dtype)
    loss = case.make(batch.counts)
    value, gradient = loss.value_and_grad(batch.logits, q)
    others = [with_strides(q, layout) for layout in LAYOUTS]
    if dtype != FLOAT64:
        others.append(q.astype(np.float64))
    for other in others:
        topkloss.set_num_threads(1)
        again = loss.value_and_grad(batch.logits, other)
        topkloss.set_num_threads(0)
        assert (again[0], bits(again[1])) == (value, bits(gradient))
    shape = (3, 20, 1001)
    again = loss.value_and_grad(batch.logits.reshape(shape), q.reshape(shape))
    assert (again[0], bits(again[1])) == (value, bits(gradient))


def test_who_takes_them(rng):
    """Others say what to do; so do all for floats of another shape, and for outputs over them."""
    for case in BY_KIND.values():
        if case.heads == 1:
            check_refusals(case, rng)


def check_refusals(case, rng):
    batch = case.sample(rng, (4, 9), FLOAT32)
    loss = case.make(batch.counts)
    q = targets(rng, (4, 9), FLOAT32)
    wrong = q[:, :8], q[0], q[:, 0], q[None]
    for other in wrong:
        refuses("ENUMERATOR", ["soft labels", "(4, 9)", other.shape], loss, batch.logits, other)
    if case in SOFT:
        refuses("ALIASING", ["out overlaps labels"], loss.value_and_grad, batch.logits, q, out=q)
        refuses("SIZE LABEL", ["labels"], loss, batch.logits, q.astype(np.int64))
        checked = case.make(batch.counts, check_finite=True)
        q[2, 3] = np.inf
        refuses("NOT_FINITE", ["labels[2, 3]"], checked, batch.logits, q)
    else:
        refuses("OPTION", ["soft labels", "two labels"], loss, batch.logits, q)


def test_no_rows():
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(np.empty((0, 3)), np.empty((0, 3)))
    assert (value, gradient.shape) == (0, (0, 3))

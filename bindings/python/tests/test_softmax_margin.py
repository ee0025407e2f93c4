"""Cross-entropy, logit-adjusted, LDAM and ELM against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    MEMBER_IDS,
    MEMBERS,
    SHAPES,
    assert_gradient,
    assert_value,
    long_tail,
)

import topkloss

members = pytest.mark.parametrize("member", MEMBERS, ids=MEMBER_IDS)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@members
@dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradient(member, dtype, shape, rng):
    rows, classes = shape
    counts = long_tail(classes, rng)
    logits = member.logits(rng, shape, dtype)
    labels = rng.integers(classes, size=rows)
    expected_value, expected_gradient = member.expect(counts, logits, labels)

    loss = member.make(counts)
    value, gradient = loss.value_and_grad(logits, labels)

    assert_value(value, expected_value, dtype)
    assert_gradient(gradient, expected_gradient, dtype)
    assert loss(logits, labels) == value


@members
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_all_options_together(member, dtype, reduction, smoothing, rng):
    rows, classes = 23, 37
    counts = long_tail(classes, rng)
    logits = member.logits(rng, (rows, classes), dtype)
    labels = rng.integers(classes, size=rows)
    labels[::5] = 7  # the ignored one, which is a class as well
    options = {
        "class_weight": rng.uniform(0, 3, classes),
        "label_smoothing": smoothing,
        "reduction": reduction,
        "ignore_index": 7,
    }
    sample_weight = rng.uniform(0, 2, rows)
    expected_value, expected_gradient = member.expect(
        counts, logits, labels, sample_weight=sample_weight, **options
    )

    value, gradient = member.make(counts, **options).value_and_grad(
        logits, labels, sample_weight=sample_weight
    )

    assert_value(value, expected_value, dtype)
    assert_gradient(gradient, expected_gradient, dtype)
    assert not gradient[labels == 7].astype(np.float64).any()


@members
def test_central_differences(member, rng):
    rows, classes = 4, 6
    counts = long_tail(classes, rng)
    logits = member.logits(rng, (rows, classes), FLOAT64)
    labels = rng.integers(classes, size=rows)
    loss = member.make(counts, class_weight=rng.uniform(0.5, 2, classes), label_smoothing=0.2)
    _, gradient = loss.value_and_grad(logits, labels)

    step = 1e-5
    for index in np.ndindex(rows, classes):
        higher, lower = logits.copy(), logits.copy()
        higher[index] += step
        lower[index] -= step
        slope = (loss(higher, labels) - loss(lower, labels)) / (2 * step)
        # The error of a central difference: the third derivative, which grows as scale cubed.
        assert gradient[index] == pytest.approx(slope, abs=3e-6)


def test_elm_rival_among_equals_is_the_first():
    """All rivals are equally strong, and the margin of the first of them counts."""
    counts = np.array([10.0, 1000.0, 100.0, 1.0])
    logits = np.zeros((4, 4))
    loss = topkloss.ELMLoss(counts, reduction="none")
    values = loss(logits, np.arange(4))
    margin = reference.margins(counts, 0.5)
    for label, rival in [(0, 1), (1, 0), (2, 0), (3, 0)]:
        u = np.zeros(4)
        u[label] = -30 * (margin[label] - margin[rival])
        assert values[label] == pytest.approx(np.log(np.exp(u).sum()) - u[label], rel=1e-12)


def test_elm_without_lambda_is_ldam(rng):
    counts = long_tail(50, rng)
    logits = rng.uniform(-1, 1, (9, 50))
    labels = rng.integers(50, size=9)
    assert topkloss.ELMLoss(counts, lam=0.0)(logits, labels) == topkloss.LDAMLoss(counts)(
        logits, labels
    )


def test_count_smoothing_is_added_to_every_count(rng):
    counts = rng.integers(0, 5, 20).astype(float)
    counts[3] = 0
    logits = rng.standard_normal((6, 20))
    labels = rng.integers(20, size=6)
    for loss in (topkloss.LogitAdjustedLoss, topkloss.LDAMLoss, topkloss.ELMLoss):
        smoothed = loss(counts, count_smoothing=0.5)(logits, labels)
        assert smoothed == pytest.approx(loss(counts + 0.5)(logits, labels), rel=1e-14)


@members
@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_one_class_leaves_nothing_to_learn(member, dtype, smoothing, rng):
    logits = member.logits(rng, (5, 1), dtype)
    loss = member.make([17.0], class_weight=[1.5], label_smoothing=smoothing, reduction="none")
    values, gradient = loss.value_and_grad(logits, np.zeros(5, int))
    np.testing.assert_allclose(values.astype(np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(
        gradient.astype(np.float64), 0, atol=1e-6 * getattr(loss, "scale", 1)
    )


@members
@dtypes
def test_every_row_ignored(member, dtype, rng):
    counts = long_tail(8, rng)
    logits = member.logits(rng, (3, 8), dtype)
    for reduction in ("mean", "sum"):
        value, gradient = member.make(counts, reduction=reduction).value_and_grad(
            logits, np.full(3, -100)
        )
        assert value == 0
        assert not gradient.astype(np.float64).any()


@members
def test_no_rows(member, rng):
    counts = long_tail(8, rng)
    value, gradient = member.make(counts).value_and_grad(np.empty((0, 8)), np.empty(0, int))
    assert value == 0
    assert gradient.shape == (0, 8)
    values = member.make(counts, reduction="none")(np.empty((0, 8)), np.empty(0, int))
    assert values.shape == (0,)


def test_weights_that_add_up_to_nothing_give_zero(rng):
    logits = rng.standard_normal((3, 8))
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(
        logits, [1, 2, 3], sample_weight=np.zeros(3)
    )
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("classes", [5, 16, 1000])
def test_huge_logits(dtype, classes, rng):
    """Logits of +-10,000, where exponentials overflow unless the maximum is taken out first."""
    logits = (1e4 * rng.choice([-1.0, 0.0, 1.0], (6, classes))).astype(dtype)
    logits += rng.standard_normal(logits.shape).astype(dtype)
    labels = rng.integers(classes, size=6)
    expected = reference.softmax_margin(logits, labels)
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_huge_logits_adjusted(dtype, rng):
    """Adding log pi to a logit of 10,000 before the maximum is taken out would round it away."""
    counts = long_tail(40, rng)
    logits = (1e4 + rng.standard_normal((6, 40))).astype(dtype)
    labels = rng.integers(40, size=6)
    expected = reference.softmax_margin(
        logits, labels, offset=np.log(reference.frequencies(counts))
    )
    value, gradient = topkloss.LogitAdjustedLoss(counts).value_and_grad(logits, labels)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_spread_of_100(dtype, rng):
    logits = rng.uniform(-50, 50, (20, 300)).astype(dtype)
    labels = rng.integers(300, size=20)
    expected = reference.softmax_margin(logits, labels)
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(FLOAT32, 2e-5), (FLOAT64, 1e-12)], ids=["float32", "float64"]
)
@pytest.mark.parametrize("lead", [5.0, 12.0, 20.0, 40.0, 80.0])
def test_confident_rows_keep_their_small_gradient(dtype, tolerance, lead, rng):
    """As p_y tends to 1, p_y - 1 must come from the other classes, not from 1 - 1."""
    logits = rng.uniform(-1, 0, (8, 33)).astype(dtype)
    labels = rng.integers(33, size=8)
    logits[np.arange(8), labels] = lead
    values, gradient = topkloss.CrossEntropyLoss(reduction="none").value_and_grad(logits, labels)
    others = np.exp(logits.astype(np.float64) - lead)
    others[np.arange(8), labels] = 0
    wrong = others.sum(axis=1)
    np.testing.assert_allclose(-gradient[np.arange(8), labels], wrong / (1 + wrong), rtol=tolerance)
    np.testing.assert_allclose(values, np.log1p(wrong), rtol=tolerance)


@members
@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_masked_classes(member, dtype, smoothing, rng):
    """A logit of -inf has probability 0 and gradient 0, also where the class is the label."""
    rows, classes = 12, 21
    counts = long_tail(classes, rng)
    logits = member.logits(rng, (rows, classes), dtype)
    masked = rng.random((rows, classes)) < 0.3
    labels = rng.integers(classes, size=rows)
    masked[np.arange(rows), labels] = np.arange(rows) % 4 == 0
    logits[masked] = -np.inf
    options = {"label_smoothing": smoothing, "reduction": "none"}
    expected_values, expected_gradient = member.expect(counts, logits, labels, **options)
    assert np.isposinf(expected_values[::4]).all()

    values, gradient = member.make(counts, **options).value_and_grad(logits, labels)

    assert_value(values, expected_values, dtype)
    assert_gradient(gradient, expected_gradient, dtype)
    assert not gradient[masked].astype(np.float64).any()


@members
@dtypes
def test_every_class_masked(member, dtype, rng):
    logits = np.full((2, 21), -np.inf, dtype)
    loss = member.make(long_tail(21, rng), reduction="none")
    values, gradient = loss.value_and_grad(logits, [0, 20])
    assert np.isposinf(values.astype(np.float64)).all()
    assert not gradient.astype(np.float64).any()


@members
@dtypes
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 17, 40])
def test_bad_logits_poison_their_own_row_only(member, dtype, poison, column, rng):
    counts = long_tail(41, rng)
    logits = member.logits(rng, (5, 41), dtype)
    labels = rng.integers(41, size=5)
    loss = member.make(counts, reduction="none")
    clean_values, clean_gradient = loss.value_and_grad(logits, labels)
    logits[2, column] = poison
    values, gradient = loss.value_and_grad(logits, labels)
    assert np.isnan(values[2].astype(np.float64))
    assert np.isnan(gradient[2].astype(np.float64)).all()
    others = [0, 1, 3, 4]
    assert values[others].tobytes() == clean_values[others].tobytes()
    assert gradient[others].tobytes() == clean_gradient[others].tobytes()


@members
def test_bad_logits_in_an_ignored_row_do_no_harm(member, rng):
    counts = long_tail(41, rng)
    logits = member.logits(rng, (5, 41), FLOAT32)
    logits[2, 3] = np.nan
    value, gradient = member.make(counts).value_and_grad(logits, [0, 1, -100, 3, 4])
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert not gradient[2].any()


def test_a_million_classes_lose_few_ulp(rng):
    logits = rng.standard_normal((1, 1_000_000)).astype(np.float32)
    expected = reference.softmax_margin(logits, [123_456])
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, [123_456])
    assert value == pytest.approx(expected[0], rel=1e-6)
    np.testing.assert_allclose(gradient, expected[1], rtol=3e-6)


@pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)
def test_half_precision_rounds_once(dtype, rng):
    """Every half gradient is a neighbour of, and nearly always the nearest to, the exact one."""
    logits = rng.standard_normal((40, 100)).astype(dtype)
    labels = rng.integers(100, size=40)
    expected = reference.softmax_margin(logits, labels, reduction="sum")[1]
    gradient = topkloss.CrossEntropyLoss(reduction="sum").value_and_grad(logits, labels)[1]
    nearest = expected.astype(dtype)
    assert np.mean(gradient == nearest) > 0.995
    assert_gradient(gradient, expected, dtype)

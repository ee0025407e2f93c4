"""What holds for every loss: each property, for all entries of the registry."""

from __future__ import annotations

import copy
import gc
import pickle
from dataclasses import replace

import numpy as np
import pytest
from case import assert_large, large
from layouts import LAYOUTS, with_strides
from losses import CASES, COMPARED, DIFFERENTIABLE, SOFTMAX, cases
from pairwise import pairwise, pairwise_by
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    SHAPES,
    assert_gradient,
    assert_value,
    bits,
    default_threads,
)

import topkloss

__all__ = ["default_threads"]

OF_ANY_SIZE = tuple(
    case for case in CASES if case.row and case.kind not in ("outlying_mse", "single_positive")
)
"""Whose formulation of a row holds then, and is no sum of logits or of their squares."""

REDUCTIONS = ("mean", "sum", "none")


def masked(batch, rng, dtype):
    """The batch with a third of its logits at -inf; labels too where the loss allows it."""
    logits = batch.logits.copy()
    mask = rng.random(logits.shape) < 0.3
    rows = np.arange(len(logits))
    for head in batch.heads(mask):
        head[rows, batch.labels] = batch.case.masks_label and rows % 4 == 0
    logits[mask] = -np.inf
    return logits.astype(dtype)


@pairwise(
    lambda case=None, shape=None, **_: case is None or shape is None or case.allows(shape[1]),
    case=CASES,
    shape=SHAPES,
    dtype=DTYPES,
    reduction=REDUCTIONS,
    options=("plain", "weighted", "ignoring", "of classes", "masked"),
)
def test_value_and_gradient(case, shape, dtype, reduction, options, rng):
    """Against the formulation; elsewhere, in place, and the value alone."""
    batch = case.sample(rng, shape, dtype)
    common, of_call, of_classes = {"reduction": reduction}, {}, {}
    if options != "plain":
        of_call["sample_weight"] = rng.uniform(0.1, 2, shape[0])
    if options == "ignoring":
        common["ignore_index"] = int(batch.labels[0])  # a class as well
    elif options == "of classes":
        of_classes = case.class_options(rng, shape[1])
    elif options == "masked":
        batch = replace(batch, logits=masked(batch, rng, dtype))
        of_classes = case.class_options(rng, shape[1])
        of_classes.pop("label_smoothing", None)
        # Rows whose labels are masked, where they may be: what weighs nothing costs nothing.
        if shape[0] > 1:
            of_call["sample_weight"][0] = 0
        if shape[0] > 4 and of_classes:
            of_classes["class_weight"][batch.labels[4]] = 0
    expected, expected_gradient = batch.expect(of_classes, **common, **of_call)
    before = bits(batch.logits)
    loss = case.make(batch.counts, **common, **of_classes)
    value, gradient = batch.value_and_grad(loss, **of_call)
    assert_value(value, expected, dtype, case.looser)
    assert_gradient(gradient, expected_gradient, dtype, case.looser)
    assert bits(batch.logits) == before
    assert bits(batch.value(loss, **of_call)) == bits(value)
    again, _ = batch.value_and_grad(loss, out=batch.logits, **of_call)
    assert bits(again) == bits(value)
    assert bits(batch.logits) == bits(gradient)


@pytest.mark.parametrize("case", DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
def test_central_differences(case, rng):
    batch = case.sample(rng, (4, 6))
    weights = rng.uniform(0.5, 2, 4)
    loss = case.make(batch.counts, **case.class_options(rng, 6))
    _, gradient = batch.value_and_grad(loss, sample_weight=weights)
    step = 1e-5
    for index in np.ndindex(batch.logits.shape):
        sides = []
        for change in (step, -step):
            logits = batch.logits.copy()
            logits[index] += change
            moved = replace(batch, logits=logits)
            sides.append(moved.value(loss, sample_weight=weights))
        slope = (sides[0] - sides[1]) / (2 * step)
        # The error of a central difference: the third derivative, which grows as scale cubed.
        assert gradient[index] == pytest.approx(slope, abs=3e-6 if case.bounded else 1e-8)


@pairwise_by(
    "case",
    lambda case=None, classes=None, **_: case is None or classes is None or case.allows(classes),
    case=CASES,
    dtype=(FLOAT32, FLOAT64),
    classes=(5, 16, 40, 1000),
    size=(50.0, 1e4),
)
def test_huge_logits(case, dtype, classes, size, rng):
    """Logits of +-10,000: exponentials overflow unless the maximum is taken out first."""
    batch = case.sample(rng, (6, classes), dtype)
    batch.logits[:] += (size * rng.choice([-1.0, 0.0, 1.0], batch.logits.shape)).astype(dtype)
    expected, expected_gradient = batch.expect(reduction="none")
    loss = case.make(batch.counts, reduction="none")
    values, gradient = batch.value_and_grad(loss)
    assert np.isfinite(values).all()
    assert_value(values, expected, dtype, case.looser)
    assert_gradient(gradient, expected_gradient, dtype, case.looser)


@pytest.mark.parametrize("case", OF_ANY_SIZE, ids=lambda case: case.name)
def test_logits_of_the_whole_range(case):
    """Far above where a unit in the last place is more than an exponential can take."""
    for dtype, powers in (
        (FLOAT32, (8, 25, 31, 34, 60, 126)),
        (FLOAT64, (40, 62, 65, 500, 1000) if case in SOFTMAX else (40, 65, 500)),
        (BFLOAT16, (33, 126)),
        (FLOAT16, (15,)),
    ):
        for power in powers:
            # The reference of a quadrature takes long.
            quick = case.kind == "topk_cross_entropy"
            for classes in filter(case.allows, (3, 8) if quick else (3, 40, 4500)):
                batch = large(case, (6, classes), dtype, power)
                loss = case.make(batch.counts, reduction="none")
                assert_large(case, batch, *batch.value_and_grad(loss))


@pairwise_by("case", case=CASES, dtype=DTYPES)
def test_layouts_give_the_same_bits(case, dtype, rng):
    batch = case.sample(rng, (6, 21), dtype)
    loss = case.make(batch.counts)
    value, gradient = batch.value_and_grad(loss)
    labels = batch.labels.astype(np.int32)
    for layout in LAYOUTS:
        strided = replace(batch, logits=with_strides(batch.logits, layout), labels=labels)
        out = with_strides(np.zeros_like(batch.logits), layout)
        for target in (out, strided.logits):
            assert bits(strided.logits) == bits(batch.logits)
            other, _ = strided.value_and_grad(loss, out=target)
            assert other == value
            assert bits(target) == bits(gradient), layout


@pairwise_by("case", case=CASES, dtype=DTYPES, reduction=("mean", "none"))
def test_same_bits_with_any_number_of_threads(case, dtype, reduction):
    """And rows do not know of each other."""
    batch = case.sample(np.random.default_rng(7), (97, 1001), dtype)
    loss = case.make(batch.counts, reduction=reduction)
    answers = set()
    for threads in (1, 3):
        topkloss.set_num_threads(threads)
        value, gradient = batch.value_and_grad(loss)
        answers.add((bits(value), bits(gradient)))
    assert len(answers) == 1
    if reduction == "none" and case.name not in COMPARED:
        for row in (0, 50, 96):
            alone = batch[[row]].value_and_grad(loss)
            assert (bits(alone[0]), bits(alone[1])) == (bits(value[[row]]), bits(gradient[[row]]))


@pairwise_by("case", case=CASES, dtype=DTYPES, poison=(np.nan, np.inf), column=(0, 17, 40))
def test_bad_logits_poison_their_own_row_only(case, dtype, poison, column, rng):
    batch = case.sample(rng, (5, 41), dtype)
    others = [0, 1, 3, 4]
    loss = case.make(batch.counts, reduction="none")
    clean_values, clean_gradient = batch[others].value_and_grad(loss)
    for head in batch.heads(batch.logits):
        before = head[2, column]
        head[2, column] = poison
        values, gradient = batch.value_and_grad(loss)
        head[2, column] = before
        assert np.isnan(values[2].astype(np.float64))
        assert np.isnan(gradient[2].astype(np.float64)).all()
        assert bits(values[others]) == bits(clean_values)
        assert bits(gradient[others]) == bits(clean_gradient)


@cases
def test_rows_that_do_not_count(case, rng):
    """A bad row that is ignored, all rows ignored, weights of 0, and no rows at all."""
    batch = case.sample(rng, (5, 9), FLOAT32)
    others = [0, 1, 3, 4]
    loss = case.make(batch.counts)
    expected, expected_gradient = batch[others].value_and_grad(loss)
    batch.logits[2, [3, -1]] = np.nan
    labels = batch.labels.copy()
    labels[2] = -100
    value, gradient = replace(batch, labels=labels).value_and_grad(loss)
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient[others], expected_gradient, rtol=1e-5, atol=1e-7)
    assert not gradient[2].any()

    nothing = replace(batch, labels=np.full(5, -100))
    for reduction in ("mean", "sum"):
        value, gradient = nothing.value_and_grad(case.make(batch.counts, reduction=reduction))
        assert value == 0
        assert not gradient.any()
    values = nothing.value(case.make(batch.counts, reduction="none"))
    assert not values.any()

    value, gradient = batch[others].value_and_grad(loss, sample_weight=np.zeros(4))
    assert value == 0
    assert not gradient.any()

    value, gradient = batch[:0].value_and_grad(loss)
    assert value == 0
    assert gradient.shape == (0, batch.logits.shape[1])
    assert batch[:0].value(case.make(batch.counts, reduction="none")).shape == (0,)


@pairwise_by("case", case=CASES, bad=(np.nan, np.inf), dtype=(FLOAT32, FLOAT64, FLOAT16))
def test_check_finite(case, bad, dtype, rng):
    """The first bad row is named, nothing is written, and -inf is a mask."""
    batch = case.sample(rng, (4, 9), dtype)
    loss = case.make(batch.counts, check_finite=True)
    batch.logits[1, 3 if batch.labels[1] != 3 else 4] = -np.inf
    assert not np.isnan(batch.value(loss))
    for head, prefix in zip(
        batch.heads(batch.logits), ("logits", "multi_label_logits"), strict=False
    ):
        before = head.copy()
        head[2, 3], head[3, 1] = bad, bad
        out = np.full_like(batch.logits, 7)
        with pytest.raises(topkloss.TopKLossError, match=rf"{prefix}\[2, 3\]") as caught:
            batch.value_and_grad(loss, out=out)
        assert caught.value.status == "TOPKLOSS_ERROR_NOT_FINITE"
        assert (out == 7).all()
        head[:] = before


@cases
def test_copies_and_pickles(case, rng):
    """With handles of their own, which are freed with them; losses are immutable."""
    batch = case.sample(rng, (4, 6))
    loss = case.make(batch.counts, ignore_index=-7)
    expected = batch.value_and_grad(loss)
    twins = [copy.copy(loss), copy.deepcopy(loss)]
    twins += [pickle.loads(pickle.dumps(loss, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    assert len({twin._handle for twin in (loss, *twins)}) == len(twins) + 1
    for twin in twins:
        assert type(twin) is type(loss)
        assert repr(twin) == repr(loss)
        value, gradient = batch.value_and_grad(twin)
        assert value == expected[0]
        assert bits(gradient) == bits(expected[1])
    del twin, twins
    gc.collect(1)
    assert batch.value(loss) == expected[0]
    for name in ("reduction", "anything"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(loss, name, "sum")
    with pytest.raises(AttributeError, match="immutable"):
        del loss.reduction
    for name in case.parameters:
        vector = getattr(loss, name)
        if isinstance(vector, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                vector[0] = 5


@cases
def test_the_callers_vectors_are_copied(case, rng):
    batch = case.sample(rng, (4, 6))
    options = {**case.options(batch.counts), **case.class_options(rng, 6)}
    vectors = {name: value for name, value in options.items() if isinstance(value, np.ndarray)}
    loss = type(case.make(batch.counts))(**options)
    expected = batch.value(loss)
    for name, vector in vectors.items():
        before = vector.copy()
        vector[:] = 1
        np.testing.assert_array_equal(getattr(loss, name), before)
    assert batch.value(loss) == expected

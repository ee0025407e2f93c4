"""What holds for every loss, here for those that `test_softmax_margin` does not test."""

from __future__ import annotations

import numpy as np
import pytest
from losses import KIND_IDS, KINDS
from support import (
    DTYPES,
    FLOAT64,
    SHAPES,
    assert_gradient,
    assert_value,
    bits,
    long_tail,
)
from test_arrays import LAYOUTS, with_strides

import topkloss

kinds = pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.fixture(autouse=True)
def default_threads():
    yield
    topkloss.set_num_threads(0)


def sample(rng, shape, dtype):
    """Counts, logits and labels."""
    counts = long_tail(shape[1], rng)
    logits = (2 * rng.standard_normal(shape)).astype(dtype)
    return counts, logits, rng.integers(shape[1], size=shape[0])


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        pytest.param(kind, shape, id=f"{kind.name}-{shape}")
        for kind in KINDS
        for shape in SHAPES
        if kind.least_classes <= shape[1] <= kind.most_classes
    ],
)
@dtypes
def test_value_and_gradient(kind, dtype, shape, rng):
    counts, logits, labels = sample(rng, shape, dtype)
    before = logits.copy()
    expected_value, expected_gradient = kind.expect(counts, logits, labels)
    loss = kind.make(counts)
    value, gradient = loss.value_and_grad(logits, labels)
    assert_value(value, expected_value, dtype, kind.looser)
    assert_gradient(gradient, expected_gradient, dtype, kind.looser)
    assert loss(logits, labels) == value
    assert bits(logits) == bits(before)


@kinds
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_all_common_options_together(kind, dtype, reduction, rng):
    counts, logits, labels = sample(rng, (23, 17), dtype)
    labels[::5] = 7  # the ignored one, which is a class as well
    sample_weight = rng.uniform(0, 2, 23)
    options = {"reduction": reduction, "ignore_index": 7}
    expected_value, expected_gradient = kind.expect(
        counts, logits, labels, sample_weight=sample_weight, **options
    )
    value, gradient = kind.make(counts, **options).value_and_grad(
        logits, labels, sample_weight=sample_weight
    )
    assert_value(value, expected_value, dtype, kind.looser)
    assert_gradient(gradient, expected_gradient, dtype, kind.looser)
    assert not gradient[labels == 7].astype(np.float64).any()


@kinds
def test_central_differences(kind, rng):
    counts, logits, labels = sample(rng, (4, 6), FLOAT64)
    weights = rng.uniform(0.5, 2, 4)
    loss = kind.make(counts)
    _, gradient = loss.value_and_grad(logits, labels, sample_weight=weights)
    step = 1e-5
    for index in np.ndindex(4, 6):
        higher, lower = logits.copy(), logits.copy()
        higher[index] += step
        lower[index] -= step
        rise = loss(higher, labels, sample_weight=weights)
        rise -= loss(lower, labels, sample_weight=weights)
        assert gradient[index] == pytest.approx(rise / (2 * step), abs=1e-8)


@kinds
@dtypes
@pytest.mark.parametrize("classes", [2, 7, 16, 33, 1000])
def test_in_place_gives_the_same_bits(kind, dtype, classes, rng):
    counts, logits, labels = sample(rng, (5, classes), dtype)
    loss = kind.make(counts)
    value, gradient = loss.value_and_grad(logits, labels)
    same_value, same = loss.value_and_grad(logits, labels, out=logits)
    assert same is logits
    assert same_value == value
    assert bits(same) == bits(gradient)


@kinds
@dtypes
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_bits(kind, dtype, layout, rng):
    counts, logits, labels = sample(rng, (6, 21), dtype)
    loss = kind.make(counts)
    value, gradient = loss.value_and_grad(logits, labels)
    strided, out = with_strides(logits, layout), with_strides(np.zeros_like(logits), layout)
    other_value, same = loss.value_and_grad(strided, labels.astype(np.int32), out=out)
    assert same is out
    assert other_value == value
    assert bits(out) == bits(gradient)
    assert bits(strided) == bits(logits)
    loss.value_and_grad(strided, labels, out=strided)
    assert bits(strided) == bits(gradient)


@kinds
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_same_bits_with_any_number_of_threads(kind, dtype, reduction):
    rng = np.random.default_rng(7)
    counts, logits, labels = sample(rng, (97, 1001), dtype)
    loss = kind.make(counts, reduction=reduction)
    answers = set()
    for threads in (1, 2, 3, 8):
        topkloss.set_num_threads(threads)
        value, gradient = loss.value_and_grad(logits, labels)
        answers.add((bits(np.asarray(value)), bits(gradient)))
    assert len(answers) == 1


@kinds
@dtypes
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 17, 40])
def test_bad_logits_poison_their_own_row_only(kind, dtype, poison, column, rng):
    counts, logits, labels = sample(rng, (5, 41), dtype)
    loss = kind.make(counts, reduction="none")
    others = [0, 1, 3, 4]
    clean_values, clean_gradient = loss.value_and_grad(logits, labels)
    if kind.name == "expected_positive":  # whose rows depend on each other
        clean_values, clean_gradient = np.zeros(5, dtype), np.zeros((5, 41), dtype)
        clean_values[others], clean_gradient[others] = loss.value_and_grad(
            logits[others], labels[others]
        )
    logits[2, column] = poison
    values, gradient = loss.value_and_grad(logits, labels)
    assert np.isnan(values[2].astype(np.float64))
    assert np.isnan(gradient[2].astype(np.float64)).all()
    assert bits(values[others]) == bits(clean_values[others])
    assert bits(gradient[others]) == bits(clean_gradient[others])


@kinds
def test_bad_logits_in_an_ignored_row_do_no_harm(kind, rng):
    counts, logits, labels = sample(rng, (5, 41), np.float32)
    logits[2, 3] = np.nan
    labels[2] = -100
    value, gradient = kind.make(counts).value_and_grad(logits, labels)
    others = [0, 1, 3, 4]
    expected, expected_gradient = kind.make(counts).value_and_grad(logits[others], labels[others])
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient[others], expected_gradient, rtol=1e-5, atol=1e-7)
    assert not gradient[2].any()


@kinds
@dtypes
def test_every_row_ignored(kind, dtype, rng):
    counts, logits, _ = sample(rng, (3, 8), dtype)
    for reduction in ("mean", "sum"):
        value, gradient = kind.make(counts, reduction=reduction).value_and_grad(
            logits, np.full(3, -100)
        )
        assert value == 0
        assert not gradient.astype(np.float64).any()


@kinds
def test_no_rows(kind, rng):
    counts = long_tail(8, rng)
    value, gradient = kind.make(counts).value_and_grad(np.empty((0, 8)), np.empty(0, int))
    assert value == 0
    assert gradient.shape == (0, 8)


@kinds
def test_weights_that_add_up_to_nothing_give_zero(kind, rng):
    counts, logits, labels = sample(rng, (3, 8), FLOAT64)
    value, gradient = kind.make(counts).value_and_grad(logits, labels, sample_weight=np.zeros(3))
    assert value == 0
    assert not gradient.any()


@kinds
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_check_finite(kind, bad, rng):
    counts, logits, labels = sample(rng, (4, 9), np.float32)
    loss = kind.make(counts, check_finite=True)
    logits[2, 3], logits[3, 1] = bad, bad
    out = np.full((4, 9), 7, np.float32)
    with pytest.raises(topkloss.TopKLossError, match=r"logits\[2, 3\]") as caught:
        loss.value_and_grad(logits, labels, out=out)
    assert caught.value.status == "TOPKLOSS_ERROR_NOT_FINITE"
    assert (out == 7).all()

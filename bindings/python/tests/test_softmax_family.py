"""Cross-entropy on transformed rows, and the focal loss: edges that `test_properties` has not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import reference
from case import assert_large, large
from losses import BY_NAME, SCALED, SOFTMAX
from pairwise import pairwise
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
    long_tail,
)

import topkloss

GAMMAS = (0.0, 0.3, 1.0, 2.0, 5.0)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
family = pytest.mark.parametrize("case", SOFTMAX, ids=lambda case: case.name)


# How the members contain each other


def test_members_of_the_family(rng):
    counts, logits = long_tail(50, rng), rng.uniform(-1, 1, (9, 50))
    labels = rng.integers(50, size=9)
    margin = reference.margins(counts, 0.5)
    prior = np.log(reference.frequencies(counts))
    general = topkloss.MarginSoftmaxLoss
    pairs = [
        (general(), topkloss.CrossEntropyLoss()),
        (general(lam=0.7), topkloss.CrossEntropyLoss()),
        (general(offset=prior), topkloss.LogitAdjustedLoss(counts)),
        (general(margin=margin, scale=30), topkloss.LDAMLoss(counts)),
        (general(margin=margin, scale=30, lam=1), topkloss.ELMLoss(counts)),
        (
            general(offset=-0.5 * prior, class_scale=(counts / counts.max()) ** 0.8),
            SCALED(counts, 0.8, -0.5),
        ),
        (SCALED(counts, gamma=0), topkloss.LogitAdjustedLoss(counts)),
        (SCALED(counts), SCALED(counts, 0.3, 1.0)),
        (topkloss.ELMLoss(counts, lam=0.0), topkloss.LDAMLoss(counts)),
        (topkloss.FocalLoss(), topkloss.FocalLoss(2.0)),
    ]
    for one, other in pairs:
        value, gradient = one.value_and_grad(logits, labels)
        expected = other.value_and_grad(logits, labels)
        assert value == pytest.approx(expected[0], rel=1e-13), one
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-11, atol=1e-16)
    # Without vectors any number of classes will do.
    assert np.isfinite(general()(logits[:, :7], labels % 7))


@pairwise(dtype=DTYPES, classes=(1, 2, 7, 16, 33, 1000))
def test_gamma_0_is_cross_entropy_to_the_last_bit(dtype, classes, rng):
    logits = (5 * rng.standard_normal((40, classes))).astype(dtype)
    logits[3] *= 4
    labels = rng.integers(classes, size=40)
    options = {"class_weight": rng.uniform(0, 3, classes), "reduction": "none"}
    focal = topkloss.FocalLoss(0, **options).value_and_grad(logits, labels)
    plain = topkloss.CrossEntropyLoss(**options).value_and_grad(logits, labels)
    assert bits(focal[0]) == bits(plain[0])
    assert bits(focal[1]) == bits(plain[1])


# By hand


def test_rival_among_equals_is_the_first():
    """All rivals are equally strong, and the margin of the first of them counts."""
    counts = np.array([10.0, 1000.0, 100.0, 1.0])
    values = topkloss.ELMLoss(counts, reduction="none")(np.zeros((4, 4)), np.arange(4))
    margin = reference.margins(counts, 0.5)
    for label, rival in [(0, 1), (1, 0), (2, 0), (3, 0)]:
        u = np.zeros(4)
        u[label] = -30 * (margin[label] - margin[rival])
        assert values[label] == pytest.approx(np.log(np.exp(u).sum()) - u[label], rel=1e-12)


def test_the_rival_has_the_largest_logit_before_scaling():
    """Not the largest transformed one."""
    logits = np.array([[0.0, 2.0, 1.0]])
    margin = np.array([1.0, 10.0, 100.0])
    scale = np.array([1.0, 0.01, 100.0])
    loss = topkloss.MarginSoftmaxLoss(margin=margin, class_scale=scale, lam=0.5)
    u = scale * logits[0] - [1.0 - 0.5 * 10.0, 0, 0]
    assert loss(logits, [0]) == pytest.approx(np.log(np.exp(u).sum()) - u[0], rel=1e-12)


def test_focal_by_hand():
    """Two equal logits: p = 1/2."""
    value, gradient = topkloss.FocalLoss(2.0).value_and_grad(np.zeros((1, 2)), [0])
    assert value == pytest.approx(np.log(2) / 4, rel=1e-14)
    # d/dp of (1 - p)^2 (-log p) at 1/2, times dp/dz = 1/4.
    slope = (-2 * 0.5 * np.log(2) - 0.25 / 0.5) / 4
    np.testing.assert_allclose(gradient, [[slope, -slope]], rtol=1e-14)


def test_count_smoothing_is_added_to_every_count(rng):
    counts = rng.integers(0, 5, 20).astype(float)
    counts[3] = 0
    logits, labels = rng.standard_normal((6, 20)), rng.integers(20, size=6)
    for loss in {type(case.make(counts + 1)) for case in SOFTMAX}:
        if hasattr(loss, "count_smoothing") or "count_smoothing" in loss.__annotations__:
            smoothed = loss(counts, count_smoothing=0.5)(logits, labels)
            assert smoothed == pytest.approx(loss(counts + 0.5)(logits, labels), rel=1e-14)


# Rows of one class, of none, and with every class masked


@pairwise(case=SOFTMAX, dtype=DTYPES)
def test_nothing_to_learn(case, dtype, rng):
    batch = case.sample(rng, (5, 1), dtype)
    for smoothing in (0.0, 0.3) if "label_smoothing" in case.parameters else (None,):
        options = {} if smoothing is None else {"label_smoothing": smoothing}
        loss = case.make(batch.counts, class_weight=[1.5], reduction="none", **options)
        values, gradient = batch.value_and_grad(loss)
        np.testing.assert_allclose(values.astype(float), 0, atol=1e-6)
        scale = getattr(loss, "scale", 1)
        np.testing.assert_allclose(gradient.astype(float), 0, atol=1e-6 * scale)
    batch = case.sample(rng, (2, 21), dtype)
    batch.logits[:] = -np.inf
    values, gradient = batch.value_and_grad(case.make(batch.counts, reduction="none"))
    assert np.isposinf(values.astype(np.float64)).all()
    assert not gradient.astype(np.float64).any()


# Confident rows, and logits of any size


@pytest.mark.parametrize("left_out", ["class_scale", "offset", None])
def test_vectors_of_any_size(left_out):
    """Offsets and margins that the row's type rounds by more than an exponential can take."""
    for size in (1e8, 1e11, 1e15):
        for scale in (1.0, 1e3, 1e10):
            case = of_size(size, scale, left_out)
            for dtype in (FLOAT32, FLOAT64):
                for classes, given in [(40, {}), (40, {"label_smoothing": 0.1}), (4500, {})]:
                    batch = large(case, (6, classes), dtype, 10)
                    loss = case.make(batch.counts, reduction="none", **given)
                    assert_large(case, batch, *batch.value_and_grad(loss), **given)


def of_size(size, scale, left_out):
    """The general member with large vectors, but for one of them."""

    def options(counts):
        turn = np.arange(len(counts))
        vectors = {
            "offset": size * np.cos(turn // 3),
            "margin": size * np.sin(turn // 2),
            "class_scale": size ** np.cos(turn),
        }
        vectors.pop(left_out, None)
        return {"scale": scale, **vectors}

    def row(counts):
        return partial(reference.softmax_margin_row, **options(counts))

    return replace(BY_NAME["margin_softmax"], options=options, row=row)


def focal(logits, labels, gamma):
    rows = zip(logits, labels, strict=True)
    rows = [reference.focal_row(z, int(y), gamma=gamma) for z, y in rows]
    return reference.reduced(rows, labels, reduction="none")


@pairwise(dtype=(FLOAT32, FLOAT64), gamma=(None, *GAMMAS), lead=(5.0, 12.0, 20.0, 30.0, 40.0, 80.0))
def test_confident_rows_keep_their_small_numbers(dtype, gamma, lead, rng):
    """As p_y tends to 1, 1 - p_y must come from the other classes, not from 1 - p_y."""
    logits = rng.uniform(-1, 0, (8, 33)).astype(dtype)
    labels = rng.integers(33, size=8)
    logits[np.arange(8), labels] = lead
    loss = topkloss.CrossEntropyLoss(reduction="none")
    if gamma is not None:
        loss = topkloss.FocalLoss(gamma, reduction="none")
    rows = [
        reference.focal_row(z, int(y), gamma=gamma or 0)
        for z, y in zip(logits, labels, strict=True)
    ]
    expected = reference.reduced(rows, labels, reduction="none")
    values, gradient = loss.value_and_grad(logits, labels)
    tolerance = 3e-5 if dtype == FLOAT32 else 1e-11
    tiny = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(values, expected[0], rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(gradient, expected[1], rtol=tolerance, atol=tiny)


@pairwise(dtype=(FLOAT32, FLOAT64), gamma=GAMMAS, size=(1e2, 1e4), masked=(False, True))
def test_focal_at_the_ends_of_p(dtype, gamma, size, masked, rng):
    """p_y is 0 or 1 in all arithmetic; nothing is NaN."""
    logits = (size * rng.choice([-1.0, 0.0, 1.0], (30, 17))).astype(dtype)
    labels = rng.integers(17, size=30)
    if masked:
        logits[rng.random((30, 17)) < 0.3] = -np.inf
        logits[5] = -np.inf
        logits[5, labels[5]] = 0.5  # alone: p_y = 1
    rows = [
        reference.focal_row(z, int(y), gamma=gamma) for z, y in zip(logits, labels, strict=True)
    ]
    expected = reference.reduced(rows, labels, reduction="none")
    values, gradient = topkloss.FocalLoss(gamma, reduction="none").value_and_grad(logits, labels)
    assert_value(values, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_offsets_of_huge_logits(dtype, rng):
    """Adding log pi to a logit of 10,000 before the maximum is taken out would round it away."""
    batch = BY_NAME["logit_adjusted"].sample(rng, (6, 40), dtype)
    batch.logits[:] = 1e4 + rng.standard_normal((6, 40))
    expected = batch.expect()
    value, gradient = batch.value_and_grad(batch.case.make(batch.counts))
    assert_value(value, expected[0], dtype)
    assert_gradient(gradient, expected[1], dtype)


@pytest.mark.parametrize("logit", [0.0, 1e4, 1e12, 1e20, 1e37, -1e37])
def test_equal_logits_leave_the_priors(logit):
    counts = np.array([1.0, 10.0, 100.0, 1000.0])
    prior = counts / counts.sum()
    loss = topkloss.LogitAdjustedLoss(counts)
    value, gradient = loss.value_and_grad(np.full((1, 4), logit, np.float32), [0])
    assert value == pytest.approx(-np.log(prior[0]), rel=3e-6)
    assert gradient[0] == pytest.approx(prior - [1, 0, 0, 0], abs=3e-6)


def test_counts_may_be_far_apart():
    logits = np.array([[1.0, 2.0]])
    loss = topkloss.LogitAdjustedLoss([5e-324, 1e300], tau=0.0)
    assert loss(logits, [0]) == pytest.approx(np.log1p(np.e))
    adjusted = topkloss.posthoc.logit_adjust(logits, [5e-324, 1e300], tau=0.0)
    assert np.array_equal(adjusted, logits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_at_the_end_of_their_range(dtype):
    """p_j against float64 down to where it is no longer a normal number, and 0 below."""
    limits = np.finfo(dtype)
    depth = np.linspace(0, -np.log(float(limits.tiny)) + 30, 5000)
    logits = np.zeros((len(depth), 2), dtype)
    logits[:, 1] = -depth
    _, gradient = topkloss.CrossEntropyLoss(reduction="none").value_and_grad(
        logits, np.zeros(len(depth), int)
    )
    shifted = logits[:, 1].astype(np.longdouble)
    expected = np.exp(shifted) / (1 + np.exp(shifted))
    error = np.abs(gradient[:, 1] - expected)
    assert (error <= 4 * limits.eps * expected + limits.tiny).all()
    assert (gradient[-1] == 0).all()


@pytest.mark.parametrize(
    "pattern", [0x7FC00001, 0x7F800001, 0xFFFFFFFF, 0x7FF00000000007A2, 0xFFF8000000000001], ids=hex
)
def test_every_nan_makes_its_row_nan(pattern):
    """Quiet and signalling, of either sign."""
    word, number = (np.uint32, np.float32) if pattern < 2**32 else (np.uint64, np.float64)
    losses = [
        topkloss.CrossEntropyLoss(label_smoothing=0.1, reduction="none"),
        topkloss.NoisedTopKLoss(3, reduction="none"),
        *(case.make(np.arange(1.0, 21), reduction="none") for case in SOFTMAX),
    ]
    for loss in losses:
        for place in (0, 7, 19):
            logits = np.random.default_rng(0).normal(size=(3, 20)).astype(number)
            logits[1, place] = np.array([pattern], word).view(number)[0]
            value, gradient = loss.value_and_grad(logits, np.array([2, 7, 5]))
            assert np.isnan(value[1])
            assert np.isnan(gradient[1]).all()
            assert np.isfinite(value[[0, 2]]).all()
            assert np.isfinite(gradient[[0, 2]]).all()


# Accuracy


def test_a_million_classes_lose_few_ulp(rng):
    logits = rng.standard_normal((1, 1_000_000)).astype(np.float32)
    expected = reference.softmax_margin_row(logits[0], 123_456)
    value, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, [123_456])
    assert value == pytest.approx(expected[0], rel=1e-6)
    np.testing.assert_allclose(gradient[0], expected[1], rtol=3e-6)


@pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)
def test_half_precision_rounds_once(dtype, rng):
    """Every half gradient is a neighbour of, and nearly always the nearest to, the exact one."""
    batch = BY_NAME["cross_entropy"].sample(rng, (40, 100), dtype)
    expected = batch.expect(reduction="sum")[1]
    gradient = batch.value_and_grad(topkloss.CrossEntropyLoss(reduction="sum"))[1]
    assert np.mean(gradient == expected.astype(dtype)) > 0.995
    assert_gradient(gradient, expected, dtype)

"""Shards of rows with numbers of every kind: NaN, masked classes, coarsely rounded ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from case import assert_large, large
from losses import BY_NAME
from shard_support import (
    SHARDED,
    SOFTMAX,
    STEP,
    complete_at,
    given_noise,
    parts,
    states_of,
    together,
)
from support import (
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    refuses,
)


@pytest.mark.parametrize("case", SHARDED, ids=lambda case: case.name)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_spoil_their_row_on_every_rank(case, bad, rng):
    batch = case.sample(rng, (6, 160))
    batch.labels[:] = [5, 40, 70, 100, 130, 159]
    batch.logits[1, [3, 100]] = batch.logits[2, 70] = batch.logits[4, 159] = bad
    batch.logits[4, 32:64] = -np.inf
    loss = case.make(batch.counts, reduction="none")
    owned = parts(batch.logits, [0, 32, 64, 96, 160])
    values, gradient = together(loss, owned, batch.labels)
    spoilt = np.array([False, True, True, False, True, False])
    assert np.array_equal(np.isnan(values), spoilt)
    assert np.array_equal(np.isnan(gradient), np.repeat(spoilt[:, None], 160, axis=1))
    checked = case.make(batch.counts, check_finite=True)
    states = states_of(checked, owned, batch.labels)
    for index, (shard, own) in enumerate(owned):
        out = np.full_like(own, 7)
        arguments = checked, own, batch.labels, shard, states
        words = ["logits[1, 3] is NaN or +infinity"]
        refuses("NOT_FINITE", words, complete_at, index, out, *arguments)
        assert (out == 7).all()


@pytest.mark.parametrize("case", SHARDED, ids=lambda case: case.name)
@pytest.mark.parametrize("smoothed", [False, True])
def test_masked_classes(case, smoothed, rng):
    """In a shard, in all of one, in all but the label, and everywhere; the label or not."""
    batch = given_noise(case.sample(rng, (6, 160)))
    batch.labels[:] = [5, 40, 70, 100, 130, 159]
    batch.logits[0, 6:9] = -np.inf
    batch.logits[1, 32:64] = -np.inf
    batch.logits[1, 40] = 0.5
    batch.logits[2, :64] = batch.logits[2, 96:] = -np.inf
    batch.logits[3, :100] = batch.logits[3, 101:] = -np.inf
    batch.logits[3, 100] = -3000
    batch.logits[4, 130] = -np.inf
    batch.logits[5] = -np.inf
    given = case.class_options(rng, 160) if smoothed else {}
    if given:
        given["class_weight"][:32] = 0
    loss = case.make(batch.counts, reduction="none", **given)
    for at in ([0, 160], [0, 32, 64, 96, 160], [0, 96, 128, 160]):
        value, gradient = together(loss, parts(batch.logits, at), batch.labels)
        if case.noise or "hinge" in case.kind:
            expected, slope = batch_of_library(loss, batch)
        else:
            expected, slope = batch.expect(given, reduction="none")
        assert_value(value, expected, FLOAT64)
        assert_gradient(gradient, slope, FLOAT64)


def batch_of_library(loss, batch):
    step = {"step": STEP} if batch.noise is not None else {}
    return loss.value_and_grad(batch.logits, batch.labels, **step)


@pytest.mark.parametrize("case", SOFTMAX, ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_shards_of_one_class(case, dtype, rng):
    """The label's own may have no rival at all."""
    batch = case.sample(rng, (5, 5), dtype)
    given = case.class_options(rng, 5)
    expected, slope = batch.expect(given)
    loss = case.make(batch.counts, **given)
    value, gradient = together(loss, parts(batch.logits, range(6)), batch.labels)
    assert_value(value, expected, dtype)
    assert_gradient(gradient, slope, dtype)


@pytest.mark.parametrize("case", SOFTMAX, ids=lambda case: case.name)
@pytest.mark.parametrize("power", [4, 10, 17, 25])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_large_logits(case, power, dtype):
    """Whose rounding is more than an exponential can take."""
    batch = large(case, (6, 40), dtype, power)
    loss = case.make(batch.counts, reduction="none")
    values, gradient = together(loss, parts(batch.logits, [0, 7, 8, 30, 40]), batch.labels)
    assert_large(case, batch, values, gradient)


@pytest.mark.parametrize("name", ["elm", "elm_half", "margin_softmax"])
def test_rivals_that_are_equal_in_two_shards(name, rng):
    """The first of them is the strongest, wherever it is."""
    case = BY_NAME[name]
    batch = case.sample(rng, (40, 30))
    batch.logits[:] = np.round(2 * batch.logits) / 2
    expected, slope = batch.expect(reduction="none")
    loss = case.make(batch.counts, reduction="none")
    value, gradient = together(loss, parts(batch.logits, [0, 4, 12, 30]), batch.labels)
    assert_value(value, expected, FLOAT64)
    assert_gradient(gradient, slope, FLOAT64)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
@pytest.mark.parametrize("lead", [50.0, 600.0, 1e4])
def test_a_label_far_above_its_rivals(lead, dtype, rng):
    """And far below: in another shard than they are."""
    logits = rng.standard_normal((4, 60)).astype(dtype)
    labels = np.array([2, 15, 40, 59])
    logits[np.arange(4), labels] += np.array([lead, -lead, lead, -lead], dtype)
    case = BY_NAME["ldam"]
    batch = replace(case.sample(rng, (4, 60), dtype), logits=logits, labels=labels)
    given = {"label_smoothing": 0.2}
    loss = case.make(batch.counts, reduction="none", **given)
    value, gradient = together(loss, parts(logits, [0, 10, 30, 60]), labels)
    expected, slope = batch.expect(given, reduction="none")
    assert_value(value, expected, dtype)
    assert_gradient(gradient, slope, dtype)

"""Losses of which each rank has the logits of some classes: as those of whole rows."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
from case import SAMPLES, assert_large, large
from layouts import LAYOUTS, with_strides
from losses import BY_KIND, BY_NAME, CASES
from pairwise import pairwise
from support import (
    DTYPES,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    assert_gradient,
    assert_value,
    bits,
    refuses,
)

import topkloss
from topkloss import shards

REFUSED = ("seesaw", "smooth_topk_svm", "topk_cross_entropy", "outlying_mse", "single_positive")
REFUSED += ("two_head_average_k",)
SHARDED = tuple(
    case for case in CASES if case.kind not in REFUSED and "exact_noised" not in case.name
)
SOFTMAX = tuple(case for case in SHARDED if "topk" not in case.kind)
SHAPES = ((1, 1), (2, 2), (5, 7), (4, 17), (4, 100), (3, 320), (2, 5000))
STEP = 3


def edges(case, classes, count, rng):
    """Where some shards begin, and the end: at multiples of 32 where noise is drawn for so many."""
    unit = 32 if case.noise else 1
    places = np.arange(1, -(-classes // unit)) * unit
    inner = rng.choice(places, min(count - 1, len(places)), replace=False)
    return [0, *sorted(map(int, inner)), classes]


def parts(logits, at):
    """The shards, each with its logits."""
    classes = logits.shape[1]
    return [
        (shards.Shard(classes, first), np.ascontiguousarray(logits[:, first:end]))
        for first, end in itertools.pairwise(at)
    ]


def states_of(loss, owned, labels, step=STEP):
    made = [shards.partial(loss, own, labels, shard, step=step) for shard, own in owned]
    assert {one.shape for one in made} == {(len(labels), shards.state_bytes(loss))}
    return np.stack(made)


def together(loss, owned, labels, step=STEP, in_place=False, **options):
    """What all ranks have in the end: one value, and the columns of the gradient side by side."""
    states = states_of(loss, owned, labels, step)
    values, gradients = [], []
    for index, (shard, own) in enumerate(owned):
        value, gradient = shards.complete(
            loss, own, labels, shard, states, index=index, out=own if in_place else None, **options
        )
        values.append(value)
        gradients.append(gradient)
    assert {bits(value) for value in values} == {bits(values[0])}
    return values[0], np.concatenate(gradients, axis=1)


def given_noise(batch, seed=0):
    """The batch with the noise that its loss draws for itself, for the formulation."""
    if batch.noise is None:
        return batch
    rows, classes = batch.logits.shape
    drawn = topkloss.standard_normal(seed, STEP, 0, rows, SAMPLES, classes)
    return replace(batch, noise=drawn.astype(batch.noise.dtype))


@pairwise(
    lambda case=BY_KIND["cross_entropy"], shape=(2, 5000), **_: case.allows(shape[1]),
    case=SHARDED,
    shape=SHAPES,
    dtype=DTYPES,
    count=(1, 2, 3, 5),
    reduction=("mean", "sum", "none"),
    options=("plain", "weighted", "of classes"),
)
def test_value_and_gradient(case, shape, dtype, count, reduction, options, rng):
    """Against the formulation; in place too."""
    batch = given_noise(case.sample(rng, shape, dtype))
    batch.labels[::4] = -100
    of_call = {} if options == "plain" else {"sample_weight": rng.uniform(0.1, 2, shape[0])}
    given = case.class_options(rng, shape[1]) if options == "of classes" else {}
    expected, slope = batch.expect(given, reduction=reduction, **of_call)
    loss = case.make(batch.counts, reduction=reduction, **given)
    owned = parts(batch.logits, edges(case, shape[1], count, rng))
    value, gradient = together(loss, owned, batch.labels, **of_call)
    assert_value(value, expected, dtype, case.looser)
    assert_gradient(gradient, slope, dtype, case.looser)
    again, replaced = together(loss, owned, batch.labels, in_place=True, **of_call)
    assert bits(again) == bits(value)
    assert bits(replaced) == bits(gradient)


@pytest.mark.parametrize("classes", [33, 100, 700, 5000])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64, FLOAT16])
@pytest.mark.parametrize("k", [1, 5, 20, 32])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 3.0])
def test_noise_is_that_of_whole_rows(k, epsilon, dtype, classes, rng):
    """To the last bit, ties, masked classes and ranks beyond a shard's classes among them."""
    logits = rng.integers(-8, 8, (6, classes)).astype(dtype) / 4
    logits[1] = -np.inf
    logits[2, 3:] = -np.inf
    logits[3] = 0
    labels = rng.integers(classes, size=6)
    loss = topkloss.NoisedTopKLoss(k, epsilon, seed=7, n_samples=9, reduction="none")
    expected, slope = loss.value_and_grad(logits, labels, step=STEP)
    for count in (2, 4):
        at = edges(BY_NAME["noised_topk"], classes, count, rng)
        value, gradient = together(loss, parts(logits, at), labels)
        assert bits(value) == bits(expected)
        assert bits(gradient) == bits(slope)


def test_many_samples_and_low_ranks(rng):
    """Ranks that are kept in a heap, and more samples than are drawn at once."""
    logits = rng.standard_normal((3, 400)).astype(np.float32)
    labels = rng.integers(400, size=3)
    for k, n_samples in ((150, 3), (70, 40), (2, 1000)):
        loss = topkloss.NoisedTopKLoss(k, 0.5, n_samples=n_samples)
        expected, slope = loss.value_and_grad(logits, labels, step=STEP)
        value, gradient = together(loss, parts(logits, [0, 64, 96, 320, 400]), labels)
        assert value == expected
        assert bits(gradient) == bits(slope)


@pytest.mark.parametrize("case", SHARDED, ids=lambda case: case.name)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_spoil_their_row_on_every_rank(case, bad, rng):
    batch = case.sample(rng, (6, 160))
    batch.labels[:] = [5, 40, 70, 100, 130, 159]
    batch.logits[1, 3] = batch.logits[2, 70] = batch.logits[4, 159] = bad
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


def complete_at(index, out, *arguments):
    return shards.complete(*arguments, index=index, out=out)


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
    batch.logits[4, 130] = -np.inf
    batch.logits[5] = -np.inf
    given = case.class_options(rng, 160) if smoothed else {}
    if given:
        given["class_weight"][:20] = 0
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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, rng):
    for case in (BY_NAME["vector_scaling"], BY_NAME["noised_topk"]):
        batch = case.sample(rng, (20, 96), FLOAT32)
        loss = case.make(batch.counts)
        owned = parts(batch.logits, [0, 32, 96])
        value, gradient = together(loss, owned, batch.labels)
        strided = [(shard, with_strides(own, layout)) for shard, own in owned]
        again, replaced = together(loss, strided, batch.labels, in_place=True)
        assert again == value
        assert bits(replaced) == bits(gradient)


def test_threads_change_nothing(rng):
    for case in (BY_NAME["elm"], BY_NAME["noised_topk"]):
        batch = case.sample(rng, (64, 3000), FLOAT32)
        loss = case.make(batch.counts)
        found = []
        for threads in (1, 2):
            topkloss.set_num_threads(threads)
            owned = parts(batch.logits, [0, 1024, 3000])
            value, gradient = together(loss, owned, batch.labels)
            found.append((value, bits(gradient), bits(states_of(loss, owned, batch.labels))))
        assert found[0] == found[1]


def test_many_classes(rng):
    """As many as nobody has room for: to 1e-6."""
    logits = 3 * rng.standard_normal((16, 100_000)).astype(np.float32)
    labels = rng.integers(100_000, size=16)
    counts = np.ceil(1e5 / np.arange(1, 100_001))
    at = [0, 33_344, 66_688, 100_000]
    for loss in (topkloss.LogitAdjustedLoss(counts), topkloss.NoisedTopKLoss(5)):
        step = {"step": STEP} if isinstance(loss, topkloss.NoisedTopKLoss) else {}
        expected, slope = loss.value_and_grad(logits, labels, **step)
        value, gradient = together(loss, parts(logits, at), labels)
        assert abs(value - expected) <= 1e-6 * abs(expected)
        assert np.abs(gradient - slope).max() <= 1e-6 * np.abs(slope).max()


def test_empty_batches():
    loss = topkloss.CrossEntropyLoss()
    owned = parts(np.empty((0, 9), np.float32), [0, 4, 9])
    value, gradient = together(loss, owned, np.empty(0, np.int64))
    assert value == 0
    assert gradient.shape == (0, 9)


@pytest.mark.parametrize("case", SHARDED, ids=lambda case: case.name)
def test_states_of_any_bytes_do_no_harm(case, rng):
    """Whatever a network delivers: a number, NaN or a refusal, and nothing else is written."""
    batch = case.sample(rng, (4, 160), FLOAT32)
    loss = case.make(batch.counts, check_finite=bool(rng.integers(2)))
    owned = parts(batch.logits, [0, 32, 96, 160])
    states = states_of(loss, owned, batch.labels)
    words = np.array([-1, 0, 1, 2**63 - 1, -(2**63), 2**40, 161], np.int64).view(np.uint8)
    for turn in range(60):
        broken = states.copy()
        flat = broken.reshape(-1)
        if turn % 3 == 0:
            flat[:] = rng.integers(256, size=flat.size)
        else:
            for _ in range(turn):
                place, word = 8 * rng.integers(flat.size // 8), 8 * rng.integers(7)
                flat[place : place + 8] = words[word : word + 8]
        index = int(rng.integers(3))
        shard, own = owned[index]
        memory = np.full((6, own.shape[1]), 7, np.float32)
        with contextlib.suppress(topkloss.TopKLossError):  # of check_finite
            complete_at(index, memory[1:-1], loss, own, batch.labels, shard, broken)
        assert (memory[[0, -1]] == 7).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_which_losses(case):
    loss = case.make(np.arange(1.0, 9.0))
    if case in SHARDED:
        few = SAMPLES if case.noise else 1
        expected = 32 + 16 * few * (loss.k + 1) if "topk" in case.kind else 80
        assert shards.state_bytes(loss) == expected
    else:
        refuses("OPTION", ["shards of the classes"], shards.state_bytes, loss)


def test_refusals(rng):
    """What does not fit together, in words; and what differs from whole rows."""
    logits = rng.standard_normal((4, 40)).astype(np.float32)
    labels = np.array([0, 50, 99, 7])
    loss = topkloss.LogitAdjustedLoss(np.arange(1.0, 101.0))
    own = shards.Shard(100, 60)
    states = np.stack([shards.partial(loss, logits, labels, own)])
    part = shards.partial
    refuses("SIZE", ["created for 100 classes"], part, loss, logits, labels, shards.Shard(90, 50))
    refuses("SIZE", ["shard.first is 61"], part, loss, logits, labels, shards.Shard(100, 61))
    refuses("SIZE", ["shard.first is -1"], part, loss, logits, labels, shards.Shard(100, -1))
    refuses("SIZE", ["shard.classes is 0"], part, loss, logits, labels, shards.Shard(0, 0))
    refuses("LABEL", ["labels[2] is 100"], part, loss, logits, labels + (labels == 99), own)
    noised = topkloss.NoisedTopKLoss(5)
    refuses("SIZE", ["32"], part, noised, logits, labels, own)
    part(topkloss.NoisedTopKLoss(5, 0.0), logits, labels, own)
    part(topkloss.TopKHingeLoss(45), logits, labels, own)
    refuses("OPTION", ["K is 1"], part, topkloss.TopKHingeLoss(100), logits, labels, own)
    arguments = loss, logits, labels, own
    refuses("SIZE", ["index is 1"], complete_at, 1, None, *arguments, states)
    refuses("SIZE", ["index is -1"], complete_at, -1, None, *arguments, states)
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states[:, :3])
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states.astype(np.int16))
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states[..., :-1])

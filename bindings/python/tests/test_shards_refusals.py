"""What shards of the classes refuse, and what they bear: states come from elsewhere."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from case import SAMPLES
from losses import CASES
from shard_support import (
    SHARDED,
    complete_at,
    parts,
    states_of,
)
from support import (
    FLOAT32,
    refuses,
)

import topkloss
from topkloss import shards


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


def test_ranks_that_drew_different_noise_have_no_number(rng):
    """Of another step, or of another seed: rows are NaN, whichever rank it was."""
    logits, labels = rng.standard_normal((4, 96)).astype(np.float32), np.array([1, 40, 70, -100])
    first, second = parts(logits, [0, 64, 96])
    for seed, step in ((0, 5), (7, 4)):
        loss = topkloss.NoisedTopKLoss(3, reduction="none")
        other = topkloss.NoisedTopKLoss(3, seed=seed, reduction="none")
        mine, same = states_of(loss, (first, second), labels, 4)
        theirs = states_of(other, (second,), labels, step)[0]
        for states, differ in (((mine, same), False), ((mine, theirs), True)):
            for index, (shard, own) in enumerate((first, second)):
                arguments = loss, own, labels, shard, np.stack(states)
                values, gradient = complete_at(index, None, *arguments)
                assert np.isnan(values).tolist() == [differ, differ, differ, False]
                assert np.isnan(gradient[:3]).all() == differ
                assert not gradient[3].any()
    # Without noise there is none to differ.
    loss = topkloss.NoisedTopKLoss(3, 0.0)
    mixed = [states_of(loss, (one,), labels, step)[0] for step, one in ((1, first), (2, second))]
    assert np.isfinite(complete_at(0, None, loss, first[1], labels, first[0], np.stack(mixed))[0])


@pytest.mark.parametrize("case", SHARDED, ids=lambda case: case.name)
def test_a_shard_that_is_missing_or_there_twice(case, rng):
    """The rows whose label it has are NaN."""
    batch = case.sample(rng, (2, 96), FLOAT32)
    batch.labels[:] = [1, 70]
    loss = case.make(batch.counts, reduction="none")
    owned = parts(batch.logits, [0, 64, 96])
    first, second = states_of(loss, owned, batch.labels)
    for states in ((first, second, second), (first,), (first, first)):
        shard, own = owned[0]
        gathered = np.stack(states)
        values, gradient = complete_at(0, None, loss, own, batch.labels, shard, gathered)
        labelled = [sum(state is part for state in states) for part in (first, second)]
        spoilt = [count != 1 for count in labelled]
        assert np.isnan(values).tolist() == spoilt
        assert np.isnan(gradient).all(axis=1).tolist() == spoilt


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
    words = ["index is 1 and the number of ranks in states is 1"]
    refuses("SIZE", words, complete_at, 1, None, *arguments, states)
    refuses("SIZE", ["index is -1"], complete_at, -1, None, *arguments, states)
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states[:, :3])
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states.astype(np.int16))
    refuses("SIZE", ["states"], complete_at, 0, None, *arguments, states[..., :-1])

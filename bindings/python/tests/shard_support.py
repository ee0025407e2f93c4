"""Losses of which each rank has the logits of some classes, and what ranks have together."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from case import SAMPLES
from losses import CASES
from support import bits

import topkloss
from topkloss import shards

REFUSED = ("seesaw", "smooth_topk_svm", "topk_cross_entropy", "outlying_mse", "single_positive")
REFUSED += ("two_head_average_k",)
SHARDED = tuple(
    case for case in CASES if case.kind not in REFUSED and "exact_noised" not in case.name
)
SOFTMAX = tuple(case for case in SHARDED if "topk" not in case.kind)
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


def complete_at(index, out, *arguments):
    return shards.complete(*arguments, index=index, out=out)


def given_noise(batch, seed=0):
    """The batch with the noise that its loss draws for itself, for the formulation."""
    if batch.noise is None:
        return batch
    rows, classes = batch.logits.shape
    drawn = topkloss.standard_normal(seed, STEP, 0, rows, SAMPLES, classes)
    return replace(batch, noise=drawn.astype(batch.noise.dtype))

"""Classes over ranks: a loss where no process has the logits of all classes.

Each rank, a process that trains with others, has a last layer for its own shard of the classes, and
so their logits alone. For a batch it makes a few numbers a row (`partial`), all ranks gather those
of all, and each completes the loss from them (`complete`): the value, the same on every rank, and
the gradient of its own logits. With mpi4py:

    from mpi4py import MPI
    from topkloss import LogitAdjustedLoss, shards

    ranks = MPI.COMM_WORLD
    loss = LogitAdjustedLoss(class_counts)             # of all C classes, on every rank
    own = shards.Shard(classes=len(class_counts), first=first)
    mine = shards.partial(loss, logits, labels, own)   # logits (B, own classes); labels in [0, C)
    states = np.empty((ranks.size, *mine.shape), np.uint8)
    ranks.Allgather(mine, states)
    value, gradient = shards.complete(loss, logits, labels, own, states, index=ranks.rank)

Shards are contiguous, of one class or more, in the order of the ranks, together all classes once;
those of `NoisedTopKLoss` begin at multiples of 32. The value and the gradient are those of whole
rows to rounding, and noise is the same bit for bit. The softmax-margin family but `SeesawLoss`,
`TopKHingeLoss`, and `NoisedTopKLoss` by Monte Carlo can be computed so.

Ranks must agree on everything but their logits, and little of that can be seen in the states: rows
for which they drew different noise are NaN, and those whose label is in no shard or in two, as when
one was gathered twice; other labels, weights or options give a number that is wrong.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, sizeof
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import integer
from topkloss._arrays import Array
from topkloss._evaluation import (
    RESULT_SIZE,
    Batch,
    Value,
    add_gradient,
    add_labels,
    add_row_values,
    add_sample_weight,
    describe,
)
from topkloss._handle import Handle
from topkloss._library import check, library
from topkloss._loss import AnyLoss
from topkloss._noised_topk import NoisedTopKLoss
from topkloss.errors import TopKLossError

__all__ = ["Shard", "complete", "partial", "state_bytes"]

States = npt.NDArray[np.uint8]

_NAMES = {
    "shard.all_classes": "shard.classes",
    "shard.first_class": "shard.first",
    "shard.shards": "the number of ranks in states",
    "shard.index": "index",
    "batch.classes": "the number of the logits' classes",
}


@dataclass(frozen=True)
class Shard:
    """Which of all classes a rank has the logits of: as many as its logits have, from one on.

    Attributes:
        classes: C, the number of classes of all shards together.
        first: The shard's first class, 0 or more and below C; for `NoisedTopKLoss` a multiple of
            32.
    """

    classes: int
    first: int = 0


def struct_of(shard: Shard) -> _abi.shard:
    """As C has it, of no states yet."""
    return _abi.shard(
        sizeof(_abi.shard),
        integer("shard.classes", shard.classes),
        integer("shard.first", shard.first),
    )


def state_bytes(loss: Handle) -> int:
    """How many bytes a row's state has: 80 for the softmax-margin family, else 32 + 16 S (K + 1).

    Args:
        loss: The loss.

    Returns:
        The last axis of what `partial` returns.

    Raises:
        TopKLossError: The loss is not computed from shards of the classes.
    """
    count = ctypes.c_int64()
    check(library.topkloss_shard_bytes(loss._handle, byref(count)))
    return count.value


def partial(
    loss: AnyLoss, logits: Array, labels: Array, shard: Shard, *, step: int | None = None
) -> States:
    """What a rank knows of every row, to be gathered from all ranks.

    Args:
        loss: The loss, made with the counts and weights of all C classes.
        logits: The shard's scores, of shape (..., own classes), as for calling the loss.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...): the same on all ranks.
        shard: Which classes the scores are of.
        step: Of `NoisedTopKLoss`: which noise to draw, the same on all ranks. Default: the number
            of the loss's calls so far in this process: give one where a rank may have called it
            more often than another, to evaluate on one of them, say, or the rows are NaN from then
            on. Other losses draw none and do not look.

    Returns:
        Bytes, of shape (B, `state_bytes` of the loss), B the product of (...).

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    batch, _rows = describe("logits", logits)
    _kept = add_labels(batch, labels)
    if isinstance(loss, NoisedTopKLoss):
        batch.step = loss._step(None, step)
    states = np.empty((batch.rows, state_bytes(loss)), np.uint8)
    part = struct_of(shard)
    check(
        library.topkloss_shard_partial(loss._handle, byref(batch), byref(part), address(states)),
        None,
        **_NAMES,
    )
    return states


def complete(
    loss: AnyLoss,
    logits: Array,
    labels: Array,
    shard: Shard,
    states: States,
    *,
    index: int,
    sample_weight: Array | None = None,
    out: Any = None,
) -> tuple[Value, Any]:
    """The loss of whole rows, and its gradient with respect to the logits of one shard.

    Args:
        loss: The loss.
        logits: As for `partial`.
        labels: As for `partial`.
        shard: As for `partial`.
        states: What `partial` returned on each rank, of shape (ranks, B, bytes), in the order of
            their classes.
        index: Which of them is this rank's.
        sample_weight: Finite numbers of 0 or more, of shape (...), the same on all ranks, that
            multiply the rows' losses. Default 1.
        out: Receives the gradient: a writable array of the shape and dtype of the logits, perhaps
            the logits themselves, which are then replaced. Default: a new NumPy array.

    Returns:
        The value, the same on every rank to the last bit (for the reduction ``"none"``, an array of
        shape (...) and the logits' dtype), and the gradient: ``out`` if there is one.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value. Nothing has been written. With
            ``check_finite``, a NaN or +inf in any shard is refused on every rank.
    """
    batch, rows = describe("logits", logits)
    result = _abi.result(RESULT_SIZE)
    gathered = _gathered(loss, batch, states)
    part = struct_of(shard)
    part.shards, part.index = len(gathered), integer("index", index)
    part.states = address(gathered)
    _kept = add_labels(batch, labels), add_sample_weight(batch, sample_weight)
    values = add_row_values(result, batch, rows) if loss.reduction == "none" else None
    output = add_gradient(result, batch, rows, out)
    status = library.topkloss_shard_complete(loss._handle, byref(batch), byref(part), byref(result))
    check(status, None, **_NAMES)
    output.finish()
    return (result.value if values is None else values), output.target


def _gathered(loss: AnyLoss, batch: Batch, states: States) -> States:
    """States in memory one after another, of the shape that they must have."""
    array = np.ascontiguousarray(states)
    shape = int(batch.rows), state_bytes(loss)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[1:] != shape:
        raise TopKLossError(
            f"states has dtype {array.dtype} and shape {array.shape}; it must be uint8, of shape "
            f"(ranks, {shape[0]}, {shape[1]})",
            "TOPKLOSS_ERROR_SIZE",
        )
    return array

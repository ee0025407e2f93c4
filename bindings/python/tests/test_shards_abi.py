"""The C functions of shards, every argument of which can be spoiled."""

from __future__ import annotations

from ctypes import byref, c_int64

import numpy as np
import pytest
from abi_support import (
    CLASSES,
    LARGEST,
    LEAST,
    ROWS,
    WRONG_SIZES,
    Call,
    created,
    filled,
    message,
    name,
    options,
    with_executor,
)
from support import bits

from topkloss._library import library

FIRST, OWN = 2, 3
GUARD = 64
MANY_ROWS = 5000


class ShardCall(Call):
    """A call for classes 2 to 4 of five, the last of two shards, that succeeds."""

    def __init__(self, kind="logit_adjusted", dtype=np.float32, rows=ROWS):
        super().__init__(kind, dtype, classes=OWN, rows=rows)
        self.labels[:] = np.resize([0, 4, 2, 1], rows)
        self.shard = filled("shard", all_classes=CLASSES, first_class=FIRST, shards=2, index=1)
        self.bytes = c_int64()
        assert library.topkloss_shard_bytes(self.loss, byref(self.bytes)) == 0
        size = rows * self.bytes.value
        self.written = np.full(size + 2 * GUARD, 7, np.uint8)
        self.states = self.written[GUARD:-GUARD].ctypes.data
        # The other shard's are of the same logits, but for the place of their classes.
        self.all = np.zeros(2 * size, np.uint8)
        other = filled("shard", all_classes=CLASSES)
        self.batch.classes = FIRST
        self.batch.logits_row_stride = OWN
        assert self.partial(byref(other), self.all.ctypes.data) == 0, message()
        self.batch.classes, self.batch.logits_row_stride = OWN, 0
        assert self.partial(states=self.all[size:].ctypes.data) == 0, message()
        self.shard.states = self.all.ctypes.data

    def partial(self, shard=None, states=None):
        return library.topkloss_shard_partial(
            self.loss, byref(self.batch), shard or byref(self.shard), states or self.states
        )

    def run(self):
        return library.topkloss_shard_complete(
            self.loss, byref(self.batch), byref(self.shard), byref(self.result)
        )

    def both_refuse(self, *statuses):
        """As `refused`, of the states too."""
        status = name(self.partial())
        assert status in statuses, (status, message())
        assert (self.written == 7).all()
        self.refused(*statuses)


def test_the_unspoiled_calls_succeed():
    call = ShardCall()
    assert call.partial() == 0, message()
    assert bits(call.written[GUARD:-GUARD]) == bits(call.all[call.all.size // 2 :])
    assert (call.written[:GUARD] == 7).all()
    assert (call.written[-GUARD:] == 7).all()
    assert call.run() == 0, message()
    assert (call.memory[:OWN] == 7).all()
    assert (call.memory[-OWN:] == 7).all()
    assert np.isfinite(call.result.value)


def test_without_an_argument():
    call = ShardCall()
    batch, shard, result = byref(call.batch), byref(call.shard), byref(call.result)
    for arguments in (
        (None, batch, shard, call.states),
        (call.loss, None, shard, call.states),
        (call.loss, batch, None, call.states),
        (call.loss, batch, shard, None),
    ):
        assert name(library.topkloss_shard_partial(*arguments)) == "NULL_POINTER"
    for arguments in (
        (None, batch, shard, result),
        (call.loss, None, shard, result),
        (call.loss, batch, None, result),
        (call.loss, batch, shard, None),
    ):
        assert name(library.topkloss_shard_complete(*arguments)) == "NULL_POINTER"
    assert name(library.topkloss_shard_bytes(None, byref(call.bytes))) == "NULL_POINTER"
    assert name(library.topkloss_shard_bytes(call.loss, None)) == "NULL_POINTER"
    assert (call.written == 7).all()
    call.shard.states = None
    call.refused("NULL_POINTER")


def test_wrong_sizes():
    for member, values, statuses in (
        ("struct_size", WRONG_SIZES, ("STRUCT_SIZE",)),
        ("all_classes", (0, -1, 4, 6, LEAST, LARGEST, 2**60), ("SIZE",)),
        ("first_class", (-1, 3, 5, LEAST, LARGEST, 2**60), ("SIZE",)),
    ):
        for value in values:
            call = ShardCall()
            setattr(call.shard, member, value)
            call.both_refuse(*statuses)
    for member, values in (
        ("shards", (0, -1, 1, LEAST, LARGEST, 2**60, 2**57)),
        ("index", (-1, 2, LEAST, LARGEST)),
    ):
        for value in values:
            call = ShardCall()
            setattr(call.shard, member, value)
            assert call.partial() == 0, message()  # which does not look
            call.refused("SIZE")


def test_states_of_all_rows_are_more_than_can_be_addressed():
    """As many bytes as a rank of the hinge asks for, a few rows of them: no product is wrapped."""
    filled_options = options("topk_hinge")
    filled_options.k = 2**58 - 3
    loss, count = created("topk_hinge", filled_options), c_int64()
    assert library.topkloss_shard_bytes(loss, byref(count)) == 0, message()
    assert count.value == 2**62
    call = ShardCall("topk_hinge")
    call.batch.classes, call.shard.first_class = 1, 0
    call.shard.all_classes = 2**58
    for rows in (2, 3, 4):
        call.batch.rows = rows
        arguments = loss, byref(call.batch), byref(call.shard)
        assert name(library.topkloss_shard_partial(*arguments, call.states)) == "SIZE"
        assert "more than can be addressed" in message()
        assert name(library.topkloss_shard_complete(*arguments, byref(call.result))) == "SIZE"
    assert (call.written == 7).all()
    library.topkloss_loss_destroy(loss)


def test_what_shards_do_not_take():
    call = ShardCall("cross_entropy")
    call.batch.soft_labels = call.logits.ctypes.data
    call.both_refuse("OPTION")
    noise = np.zeros((ROWS, 5, OWN), np.float32)
    call = ShardCall("topk_hinge")
    call.batch.noise = noise.ctypes.data
    assert call.run() == 0, message()  # a loss without noise does not look
    hinge, count = call.bytes.value, c_int64()
    assert hinge == 32 + 16 * 3
    filled_options = options("noised_topk")
    filled_options.k, filled_options.n_samples = 2**58, 1_000_000
    loss = created("noised_topk", filled_options)
    assert name(library.topkloss_shard_bytes(loss, byref(count))) == "OPTION"
    library.topkloss_loss_destroy(loss)


def test_noise_of_the_callers_is_refused():
    noise = np.zeros((ROWS, 5, 5), np.float32)
    call = Call("noised_topk")
    shard = filled("shard", all_classes=CLASSES, shards=1)
    states = np.zeros(ROWS * 1024, np.uint8)
    arguments = call.loss, byref(call.batch), byref(shard), states.ctypes.data
    assert library.topkloss_shard_partial(*arguments) == 0, message()
    call.batch.noise = noise.ctypes.data
    assert name(library.topkloss_shard_partial(*arguments)) == "OPTION"
    shard.states = states.ctypes.data
    arguments = call.loss, byref(call.batch), byref(shard), byref(call.result)
    assert name(library.topkloss_shard_complete(*arguments)) == "OPTION"
    call.batch.noise = None
    assert library.topkloss_shard_complete(*arguments) == 0, message()


def test_a_wrong_batch():
    for member, values, status in (
        ("struct_size", WRONG_SIZES, "STRUCT_SIZE"),
        ("rows", (-1, LEAST, LARGEST, 2**61), "SIZE"),
        ("classes", (0, -1, 4, LEAST, LARGEST, 2**61), "SIZE"),
        ("logits_row_stride", (LARGEST, LEAST, 2**61, -(2**62)), "SIZE"),
        ("dtype", (-1, 4, 2**31 - 1), "ENUMERATOR"),
        ("logits", (None,), "NULL_POINTER"),
        ("labels", (None,), "NULL_POINTER"),
    ):
        for value in values:
            call = ShardCall()
            setattr(call.batch, member, value)
            call.both_refuse(status)
    call = ShardCall()
    call.labels[2] = CLASSES
    call.both_refuse("LABEL")


def test_overlaps():
    call = ShardCall()
    for place in (call.logits, call.labels):
        before = bits(place)
        assert name(call.partial(states=place.ctypes.data + 1)) == "ALIASING"
        assert bits(place) == before
    call.result.gradient = call.all.ctypes.data
    call.refused("ALIASING")
    call.result.gradient = None
    call.result.row_values = call.all[-1:].ctypes.data
    call.refused("ALIASING")


@pytest.mark.parametrize("kind", ["elm", "topk_hinge", "focal"])
def test_unaligned_states_and_threads_of_the_hosts(kind):
    """The same, to the last bit, of rows enough for two of them."""
    call = ShardCall(kind, rows=MANY_ROWS)
    assert call.run() == 0, message()
    expected = call.result.value, bits(call.gradient), bits(call.all[call.all.size // 2 :])
    moved = np.zeros(call.all.size + 8, np.uint8)
    for shift in (1, 4, 7):
        tasks = []

        def parallel_for(_, count, task, context, tasks=tasks):
            tasks.append(count)
            for index in reversed(range(count)):
                task(context, index)

        with_executor(call, parallel_for)
        size = call.all.size // 2
        moved[shift : shift + size] = call.all[:size]
        second = moved[shift + size :].ctypes.data
        assert call.partial(states=second) == 0, message()
        call.shard.states = moved[shift:].ctypes.data
        call.gradient[:] = 7
        assert call.run() == 0, message()
        states = bits(moved[shift + size : shift + 2 * size])
        assert (call.result.value, bits(call.gradient), states) == expected
        assert len(tasks) == 2
        assert min(tasks) > 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("kind", ["elm", "topk_hinge"])
def test_classes_apart(kind, dtype):
    """Pixels of an image, whose classes lie far from each other, over the logits too."""
    call = ShardCall(kind, dtype)
    assert call.run() == 0, message()
    expected = call.result.value, bits(call.gradient), bits(call.all[call.all.size // 2 :])
    image = np.ascontiguousarray(call.logits.T)
    call.batch.logits = call.result.gradient = image.ctypes.data
    for struct, member in ((call.batch, "logits"), (call.result, "gradient")):
        setattr(struct, f"{member}_row_stride", 1)
        setattr(struct, f"{member}_class_stride", ROWS)
    assert call.partial() == 0, message()
    states = bits(call.written[GUARD:-GUARD])
    assert call.run() == 0, message()
    assert (call.result.value, bits(image.T), states) == expected

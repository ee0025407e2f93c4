"""Sizes, strides and enumerators that Python's checks would never let through."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_double, c_int64, sizeof

import numpy as np
import pytest
from abi_support import (
    CLASSES,
    COUNTS,
    KINDS,
    LARGEST,
    LEAST,
    NEED_COUNTS,
    REDUCED_KINDS,
    ROWS,
    WITH_CLASSES,
    WRONG_SIZES,
    Call,
    created,
    every_kind,
    name,
    options,
    refused_creation,
)

from topkloss import _abi
from topkloss._library import library

# Struct sizes


@pytest.mark.parametrize("part", ["batch", "result"])
def test_struct_sizes_of_a_call(part):
    for size in WRONG_SIZES:
        call = Call()
        getattr(call, part).struct_size = size
        assert part in call.refused("STRUCT_SIZE")


@every_kind
def test_struct_sizes_of_options(kind):
    for size in WRONG_SIZES:
        filled = options(kind)
        filled.struct_size = size
        assert "size" in refused_creation(kind, filled, "STRUCT_SIZE")


@pytest.mark.parametrize("size", WRONG_SIZES)
def test_struct_sizes_of_initialisation(size):
    """A struct of a size that the library does not know is not touched."""
    for struct, python in _abi.INITIALISED.items():
        memory = (ctypes.c_char * 8192)(*b"\x07" * 8192)
        pointer = ctypes.cast(memory, ctypes.POINTER(python))
        status = getattr(library, f"topkloss_{struct}_init")(pointer, size)
        assert name(status) == "STRUCT_SIZE", struct
        assert memory.raw == b"\x07" * 8192


@pytest.mark.parametrize("size", WRONG_SIZES)
def test_struct_sizes_elsewhere(size):
    call, accuracy = Call(), c_double(7)
    adjust = _abi.logit_adjust_options(size, CLASSES, COUNTS.ctypes.data, 0, 1)
    status = library.topkloss_logit_adjust(
        byref(adjust), byref(call.batch), call.gradient.ctypes.data, 0
    )
    assert name(status) == "STRUCT_SIZE"
    topk = _abi.topk_accuracy_options(size, 1, -100, 0)
    status = library.topkloss_topk_accuracy(byref(topk), byref(call.batch), byref(accuracy))
    assert name(status) == "STRUCT_SIZE"
    executor = _abi.executor(size, _abi.parallel_for(lambda *_: None), None, 2)
    call.batch.executor = ctypes.pointer(executor)
    call.refused("STRUCT_SIZE")
    assert accuracy.value == 7


class LargerBatch(ctypes.Structure):
    """The batch of a later version, with one more member."""

    _fields_ = [*_abi.batch._fields_, ("later", c_int64)]


def test_structs_of_later_versions():
    """A member that this library lacks must be zero, so that nothing asked for is passed over."""
    call = Call()
    larger = LargerBatch()
    ctypes.memmove(byref(larger), byref(call.batch), sizeof(call.batch))
    larger.struct_size = sizeof(larger)
    pointer = ctypes.cast(byref(larger), ctypes.POINTER(_abi.batch))
    evaluate = library.topkloss_evaluate
    larger.later = 1
    assert name(evaluate(call.loss, pointer, byref(call.result))) == "STRUCT_SIZE"
    assert (call.memory == 7).all()
    larger.later = 0
    assert evaluate(call.loss, pointer, byref(call.result)) == 0


RESERVING = [kind for kind in KINDS if hasattr(_abi.LOSS_OPTIONS[kind], "reserved")]


@pytest.mark.parametrize("kind", RESERVING)
def test_reserved_members_are_zero(kind):
    """So that a version which gives one a meaning is not taken for one that has none."""
    filled = options(kind)
    filled.reserved = 1
    words = refused_creation(kind, filled, "STRUCT_SIZE")
    assert "options.reserved is 1" in words
    assert f"topkloss_{kind}_options" in words


# Sizes and strides


@every_kind
def test_sizes(kind):
    for member, value in (
        *[("rows", value) for value in (-1, LEAST, LARGEST, 2**61, 2**62)],
        *[("classes", value) for value in (0, -1, LEAST, LARGEST, 2**61, 2**62)],
        *[("logits_row_stride", value) for value in (LARGEST, LEAST, 2**61, -(2**61), 2**62)],
    ):
        call = Call(kind)
        setattr(call.batch, member, value)
        words = call.refused("SIZE")
        assert member in words or str(value) in words
    for rows, classes in ((2**31, 2**32), (2**32, 2**31), (2**40, 2**22)):  # products overflow
        call = Call(kind)
        call.batch.rows, call.batch.classes = rows, classes
        call.refused("SIZE")


@pytest.mark.parametrize("estimator", [_abi.TOPKLOSS_MONTE_CARLO, _abi.TOPKLOSS_EXACT])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEED_COUNTS])
def test_scratch_of_any_size(kind, estimator):
    """To the last number of classes whose scratch a number of bytes can say, and one more.

    Without rows none is needed, but its size is found all the same.
    """
    call = Call(kind, rows=0)
    for member, value in (("k", 100), ("estimator", estimator)):
        if hasattr(call.options, member):
            setattr(call.options, member, value)
    library.topkloss_loss_destroy(call.loss)
    call.loss = created(kind, call.options)
    enough, too_many = 1 << 40, LARGEST // 8
    while too_many - enough > 1:
        call.batch.classes = (enough + too_many) // 2
        status = name(call.run())
        assert status in ("TOPKLOSS_OK", "OUT_OF_MEMORY")
        if status == "TOPKLOSS_OK":
            enough = call.batch.classes
        else:
            too_many = call.batch.classes


@every_kind
def test_gradient_strides(kind):
    for value in (LARGEST, LEAST, 2**61, -(2**61), 1, 4, -4, -1):
        call = Call(kind)
        call.result.gradient_row_stride = value
        call.refused("SIZE", "ALIASING")


def test_noise_strides_and_first_rows():
    noise = np.zeros((ROWS, 5, CLASSES), np.float32)
    call = Call("noised_topk")
    call.batch.noise = noise.ctypes.data
    assert call.run() == 0
    for member in ("noise_row_stride", "noise_sample_stride"):
        for value in (LARGEST, LEAST, 2**61, -(2**61)):
            fresh = Call("noised_topk")
            fresh.batch.noise = noise.ctypes.data
            setattr(fresh.batch, member, value)
            fresh.refused("SIZE")
    for first_row in (-1, LEAST, LARGEST):
        call = Call("noised_topk")
        call.batch.first_row = first_row
        assert "first_row" in call.refused("SIZE")


@pytest.mark.parametrize("count", [LEAST, -1, 0, LARGEST, 2**61])
def test_sizes_of_other_functions(count):
    noise = np.full(4, 7, np.float32)
    normal = library.topkloss_standard_normal
    for rows, samples, classes in ((count, 1, 1), (1, count, 1), (1, 1, count)):
        if rows != 0:
            assert name(normal(0, 0, 0, rows, samples, classes, noise.ctypes.data)) == "SIZE"
    call, accuracy = Call(), c_double(7)
    if count != 0:
        call.batch.rows = count
        status = library.topkloss_topk_accuracy(None, byref(call.batch), byref(accuracy))
        assert name(status) == "SIZE"
    adjust = _abi.logit_adjust_options(
        sizeof(_abi.logit_adjust_options), count, COUNTS.ctypes.data, 0, 1
    )
    status = library.topkloss_logit_adjust(
        byref(adjust), byref(call.batch), call.gradient.ctypes.data, 0
    )
    assert name(status) == "SIZE"
    assert (noise == 7).all()
    assert (call.memory == 7).all()
    assert accuracy.value == 7


@pytest.mark.parametrize("kind", WITH_CLASSES)
def test_sizes_of_options(kind):
    for classes in (-1, LEAST, LARGEST, 2**61):
        filled = options(kind)
        filled.classes = classes
        vector = "class_counts" if hasattr(filled, "class_counts") else "class_weight"
        setattr(filled, vector, COUNTS.ctypes.data)
        refused_creation(kind, filled, "SIZE")


# Enumerators


@pytest.mark.parametrize("member", ["dtype", "label_type"])
def test_enumerators_of_a_batch(member):
    for value in (-1, 4, 100, -(2**31), 2**31 - 1):
        call = Call()
        setattr(call.batch, member, value)
        words = call.refused("ENUMERATOR")
        assert member in words
        assert str(value) in words


@pytest.mark.parametrize("kind", REDUCED_KINDS)
def test_reductions(kind):
    for value in (-1, 3, 100):
        filled = options(kind)
        filled.reduction = value
        words = refused_creation(kind, filled, "ENUMERATOR")
        assert "reduction" in words
        assert str(value) in words


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("noised_topk", "estimator", 2),
        ("noised_topk_operator", "estimator", 2),
        ("two_head_average_k", "class_reduction", 2),
        ("single_positive", "method", 3),
    ],
)
def test_enumerators_of_options(kind, member, value):
    for wrong in (value, -1, 2**31 - 1):
        filled = options(kind)
        setattr(filled, member, wrong)
        words = refused_creation(kind, filled, "ENUMERATOR")
        assert member in words
        assert str(wrong) in words


def test_other_enumerators():
    call, accuracy = Call(), c_double(7)
    topk = _abi.topk_accuracy_options(sizeof(_abi.topk_accuracy_options), 1, -100, 2)
    status = library.topkloss_topk_accuracy(byref(topk), byref(call.batch), byref(accuracy))
    assert name(status) == "ENUMERATOR"
    assert accuracy.value == 7

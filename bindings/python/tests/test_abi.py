"""The C interface itself: what evaluation does that Python does not ask for."""

from __future__ import annotations

import ctypes
import threading
from ctypes import byref, c_double, c_int64, c_void_p, sizeof

import numpy as np
import pytest
import reference
from abi_support import (
    CLASSES,
    COUNTS,
    LARGEST,
    LEAST,
    NEED_COUNTS,
    NEED_NOTHING,
    REDUCED_KINDS,
    ROWS,
    Call,
    every_kind,
    message,
    name,
    options,
    refused_creation,
)

from topkloss import _abi
from topkloss._library import library


@every_kind
def test_the_unspoiled_call_succeeds(kind):
    call = Call(kind)
    assert call.run() == 0
    assert call.result.total_weight == ROWS
    assert (call.gradient != 7).all()
    assert (call.memory[:CLASSES] == 7).all()
    assert (call.memory[-CLASSES:] == 7).all()
    assert (call.row_memory[[0, -1]] == 7).all()
    rows = ROWS if kind in REDUCED_KINDS else 1  # the operator's value is a sum
    assert call.row_memory[1:-1].sum() == pytest.approx(call.result.value * rows, rel=1e-6)


def test_outputs_are_optional():
    call = Call()
    call.result.gradient = call.result.row_values = None
    assert call.run() == 0
    assert (call.memory == 7).all()
    assert (call.row_memory == 7).all()
    expected = reference.softmax_margin(call.logits, call.labels)[0]
    assert call.result.value == pytest.approx(expected, rel=1e-6)


# Null pointers


def test_evaluate_without_its_arguments():
    call = Call()
    evaluate = library.topkloss_evaluate
    assert name(evaluate(None, byref(call.batch), byref(call.result))) == "NULL_POINTER"
    assert "loss" in message()
    assert name(evaluate(call.loss, None, byref(call.result))) == "NULL_POINTER"
    assert "batch" in message()
    assert name(evaluate(call.loss, byref(call.batch), None)) == "NULL_POINTER"
    assert "result" in message()


@pytest.mark.parametrize("member", ["logits", "labels"])
def test_batch_without(member):
    call = Call()
    setattr(call.batch, member, None)
    assert member in call.refused("NULL_POINTER")


def test_an_empty_batch_needs_no_pointers():
    call = Call(rows=1)
    call.batch.rows = 0
    call.batch.logits = call.batch.labels = None
    call.result.gradient = call.result.row_values = None
    assert call.run() == 0
    assert (call.result.value, call.result.total_weight) == (0, 0)


@every_kind
def test_creation_without_arguments(kind):
    create = getattr(library, f"topkloss_{kind}_create")
    assert name(create(byref(options(kind)), None)) == "NULL_POINTER"
    assert "out" in message()
    handle = c_void_p(1)
    status = create(None, byref(handle))
    if kind in NEED_NOTHING:  # for which no options are the defaults
        assert status == 0
        library.topkloss_loss_destroy(handle)
    else:
        assert name(status) == "NULL_POINTER"
        assert handle.value is None
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    assert name(initialise(None, sizeof(_abi.LOSS_OPTIONS[kind]))) == "NULL_POINTER"


@pytest.mark.parametrize("kind", NEED_COUNTS)
def test_creation_without_counts(kind):
    filled = options(kind)
    filled.class_counts = None
    assert "class_counts" in refused_creation(kind, filled, "NULL_POINTER")


def test_destroying_nothing():
    library.topkloss_loss_destroy(None)


def test_other_functions_without_arguments():
    call, accuracy = Call(), c_double(7)
    batch, data = byref(call.batch), call.gradient.ctypes.data
    adjust = _abi.logit_adjust_options()
    library.topkloss_logit_adjust_options_init(byref(adjust), sizeof(adjust))
    adjust.classes, adjust.class_counts = CLASSES, COUNTS.ctypes.data
    for status in (
        library.topkloss_logit_adjust(None, batch, data, 0),
        library.topkloss_logit_adjust(byref(adjust), None, data, 0),
        library.topkloss_logit_adjust(byref(adjust), batch, None, 0),
        library.topkloss_topk_accuracy(None, None, byref(accuracy)),
        library.topkloss_topk_accuracy(None, batch, None),
        library.topkloss_standard_normal(0, 0, 0, 1, 1, 1, None),
        library.topkloss_batch_init(None, sizeof(_abi.batch)),
        library.topkloss_result_init(None, sizeof(_abi.result)),
        library.topkloss_logit_adjust_options_init(None, sizeof(adjust)),
        library.topkloss_topk_accuracy_options_init(None, sizeof(_abi.topk_accuracy_options)),
    ):
        assert name(status) == "NULL_POINTER"
    assert (call.memory == 7).all()
    assert accuracy.value == 7
    assert library.topkloss_topk_accuracy(None, batch, byref(accuracy)) == 0
    expected = reference.topk_accuracy(call.logits, call.labels)
    assert accuracy.value == expected


# Labels of 32 bits, upstream, first rows, executors: what Python does not use


def test_labels_of_32_bits_are_checked():
    call = Call()
    call.batch.label_type = _abi.TOPKLOSS_INT32
    labels = np.array([0, 1, -7, 2], np.int32)
    call.batch.labels = labels.ctypes.data
    words = call.refused("LABEL")
    for word in ("2", "-7", "5"):
        assert word in words


@pytest.mark.parametrize("reduction", [_abi.TOPKLOSS_MEAN, _abi.TOPKLOSS_NONE])
@pytest.mark.parametrize("kind", REDUCED_KINDS)
def test_upstream_multiplies_the_gradient_only(kind, reduction):
    upstream = np.array([-2.5, 0.0, 3.0, 0.5])
    plain, scaled, bad = (Call(kind, np.float64, reduction=reduction) for _ in range(3))
    scaled.batch.upstream = upstream.ctypes.data
    assert plain.run() == scaled.run() == 0
    assert plain.result.value == scaled.result.value
    assert plain.row_memory.tobytes() == scaled.row_memory.tobytes()
    factor = upstream[:, None] if reduction == _abi.TOPKLOSS_NONE else upstream[0]
    np.testing.assert_allclose(scaled.gradient, factor * plain.gradient, rtol=1e-12)
    upstream[0] = np.nan
    bad.batch.upstream = upstream.ctypes.data
    assert "upstream" in bad.refused("NOT_FINITE")


def test_a_batch_in_parts_has_the_noise_of_the_whole():
    whole, part = Call("noised_topk", rows=6), Call("noised_topk", rows=2)
    whole.batch.step = part.batch.step = 2**40
    assert whole.run() == 0
    for first in (0, 2, 4):
        rows = slice(first, first + 2)
        part.batch.first_row = first
        labels = np.ascontiguousarray(whole.labels[rows])
        part.batch.labels = labels.ctypes.data
        part.batch.logits = whole.logits[rows].ctypes.data
        assert part.run() == 0
        # Means of 6 and of 2 rows.
        np.testing.assert_allclose(part.gradient / 3, whole.gradient[rows], rtol=1e-6)


def test_row_values_that_overlap_others():
    """Row values may not lie in the gradient, nor over the logits."""
    for target in ("gradient", "logits"):
        call = Call()
        call.result.row_values = getattr(call, target).ctypes.data
        before = call.logits.copy()
        call.refused("ALIASING")
        assert call.logits.tobytes() == before.tobytes()


def test_successful_calls_leave_the_message_alone():
    bad, good = Call(), Call()
    bad.batch.labels = None
    words = bad.refused("NULL_POINTER")
    assert good.run() == 0
    assert message() == words


def test_error_messages_belong_to_their_threads():
    bad = Call()
    bad.batch.rows = -5
    words = bad.refused("SIZE")
    others = []
    thread = threading.Thread(target=lambda: others.append(message()))
    thread.start()
    thread.join()
    assert others == [""]
    assert message() == words


def test_integers_of_python_do_not_wrap():
    """Ctypes cuts integers to their lowest bits: this is why Python checks them before."""
    assert c_int64(2**64 + 3).value == 3


# Two heads


def test_two_heads_need_both():
    call = Call("two_head_average_k")
    call.batch.multi_label_logits = None
    assert "multi_label_logits" in call.refused("NULL_POINTER")


def test_strides_of_the_second_head():
    second = np.full((ROWS, CLASSES), 7, np.float32)
    for value in (LARGEST, LEAST, 2**61, -(2**62), 1, 4, -4):
        if abs(value) > CLASSES:
            call = Call("two_head_average_k")
            call.batch.multi_label_row_stride = value
            call.refused("SIZE")
        call = Call("two_head_average_k")
        call.result.multi_label_gradient = second.ctypes.data
        call.result.multi_label_gradient_row_stride = value
        call.refused("SIZE", "ALIASING")
        assert (second == 7).all()


def test_the_second_gradient_may_be_the_second_heads_logits_only():
    for target in ("logits", "gradient", "row_memory", "labels"):
        call = Call("two_head_average_k", dtype=np.float64)
        call.result.multi_label_gradient = getattr(call, target).ctypes.data
        call.refused("ALIASING")
    plain, call = Call("two_head_average_k"), Call("two_head_average_k")
    second = np.full((ROWS, CLASSES), 7, np.float32)
    plain.result.multi_label_gradient = second.ctypes.data
    call.result.multi_label_gradient = call.second.ctypes.data
    assert plain.run() == call.run() == 0
    assert call.second.tobytes() == second.tobytes()


def test_what_two_heads_have_is_nothing_to_other_losses():
    """A second head's members are not looked at."""
    plain, call = Call(), Call()
    call.batch.multi_label_logits = call.logits.ctypes.data
    call.result.threshold = 0.5
    assert plain.run() == call.run() == 0
    assert plain.memory.tobytes() == call.memory.tobytes()
    assert call.result.threshold == 0.5


@pytest.mark.parametrize("before", [np.nan, np.inf, -1.0, 2.0])
def test_a_threshold_before_that_is_none(before):
    """It is a probability, where it is read."""
    call = Call("two_head_average_k")
    library.topkloss_loss_destroy(call.loss)
    call.options.threshold_decay = 0.5
    handle = ctypes.c_void_p()
    create = library.topkloss_two_head_average_k_create
    assert create(byref(call.options), byref(handle)) == 0
    call.loss = handle
    call.result.threshold = before
    call.refused("OPTION", "NOT_FINITE")


@every_kind
def test_soft_labels_are_taken_or_refused(kind):
    """By losses that smooth labels, but for seesaw; in silence by none, the operator included."""
    call = Call(kind)
    soft = np.full((ROWS, CLASSES), 0.25, np.float32)
    call.batch.soft_labels = soft.ctypes.data
    takes = hasattr(call.options, "label_smoothing") and kind != "seesaw"
    if takes:
        assert call.run() == 0, message()
    else:
        assert "label" in call.refused("OPTION")

"""What the C interface has for losses of two heads."""

from __future__ import annotations

import ctypes
from ctypes import byref

import numpy as np
import pytest
from test_abi import CLASSES, LARGEST, LEAST, ROWS, Call

from topkloss._library import library


def test_two_heads_need_both():
    call = Call("two_head_average_k")
    call.batch.multi_label_logits = None
    assert "multi_label_logits" in call.refused("NULL_POINTER")


@pytest.mark.parametrize("value", [LARGEST, LEAST, 2**61, -(2**62)])
def test_strides_of_the_second_head(value):
    call = Call("two_head_average_k")
    call.batch.multi_label_row_stride = value
    call.refused("SIZE")
    call = Call("two_head_average_k")
    second = np.full((ROWS, CLASSES), 7, np.float32)
    call.result.multi_label_gradient = second.ctypes.data
    call.result.multi_label_gradient_row_stride = value
    call.refused("SIZE")
    assert (second == 7).all()


@pytest.mark.parametrize("stride", [1, 4, -4])
def test_rows_of_the_second_gradient_that_overlap(stride):
    call = Call("two_head_average_k")
    second = np.full((ROWS, CLASSES), 7, np.float32)
    call.result.multi_label_gradient = second.ctypes.data
    call.result.multi_label_gradient_row_stride = stride
    call.refused("SIZE", "ALIASING")


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

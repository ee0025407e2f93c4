"""Which arrays go in: buffers, lists, types of labels and weights, odd strides."""

from __future__ import annotations

import array as plain

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BFLOAT16, DTYPES, bits

import topkloss

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def test_padding_between_rows_is_left_alone(rng):
    memory = np.full((4, 30), 7.0, np.float32)
    view = memory[:, 5:25]
    view[...] = rng.standard_normal(view.shape)
    topkloss.CrossEntropyLoss().value_and_grad(view, [0, 1, 2, 3], out=view)
    assert (memory[:, :5] == 7).all()
    assert (memory[:, 25:] == 7).all()


def test_logits_are_left_alone(rng):
    logits = rng.standard_normal((4, 9))
    before = logits.copy()
    logits.flags.writeable = False
    topkloss.CrossEntropyLoss().value_and_grad(logits, [0, 1, 2, 3])
    assert bits(logits) == bits(before)


def test_repeated_rows(rng):
    """NumPy's stride of 0 repeats a row; to C it would mean contiguous."""
    row = rng.standard_normal((1, 9)).astype(np.float32)
    repeated = np.broadcast_to(row, (4, 9))
    labels = [0, 1, 2, 3]
    loss = topkloss.CrossEntropyLoss()
    assert loss(repeated, labels) == loss(repeated.copy(), labels)


def test_overlapping_rows_can_be_read(rng):
    series = rng.standard_normal(40)
    windows = np.lib.stride_tricks.sliding_window_view(series, 9)
    labels = rng.integers(9, size=len(windows))
    loss = topkloss.CrossEntropyLoss()
    assert loss(windows, labels) == loss(windows.copy(), labels)


def test_one_row_or_one_class_with_odd_strides(rng):
    """An axis of one element may have any stride, even one that would lead out of the array."""
    data = rng.standard_normal((1, 9))
    row = np.lib.stride_tricks.as_strided(data, shape=(1, 9), strides=(8 * 10**12, 8))
    loss = topkloss.CrossEntropyLoss()
    assert loss(row, [3]) == loss(data, [3])
    column = np.lib.stride_tricks.as_strided(data, shape=(9, 1), strides=(8, 8 * 10**12))
    assert loss(column, np.zeros(9, int)) == 0


@given(
    rows=st.integers(1, 5),
    classes=st.integers(1, 40),
    row_step=st.integers(-3, 3).filter(bool),
    class_step=st.sampled_from([-2, -1, 1, 2]),
    offset=st.integers(0, 3),
)
def test_any_slice_gives_the_same_bits(rows, classes, row_step, class_step, offset):
    rng = np.random.default_rng(rows * 100 + classes)
    memory = rng.standard_normal((abs(row_step) * rows + 3, abs(class_step) * classes + 3))
    view = memory[offset:, offset:][::row_step, ::class_step][:rows, :classes]
    labels = rng.integers(view.shape[1], size=len(view))
    loss = topkloss.CrossEntropyLoss()
    assert loss(view, labels) == loss(np.ascontiguousarray(view), labels)


@dtypes
def test_buffers(dtype, rng):
    """Anything with the buffer protocol, here a memoryview where its format is known to Python."""
    logits = rng.standard_normal((4, 9)).astype(dtype)
    loss = topkloss.CrossEntropyLoss()
    expected = loss.value_and_grad(logits, [0, 1, 2, 3])
    if dtype == BFLOAT16:  # has no format in the buffer protocol
        return
    out = np.zeros_like(logits)
    value, gradient = loss.value_and_grad(
        memoryview(logits), plain.array("q", [0, 1, 2, 3]), out=memoryview(out)
    )
    assert isinstance(gradient, memoryview)
    assert value == expected[0]
    assert bits(out) == bits(expected[1])


def test_lists_and_array_likes():
    class Wrapped:
        def __init__(self, data):
            self.data = data

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.data, dtype)

    rows = [[0.5, 1.5, -2.0], [0.0, 0.25, 0.125]]
    expected = topkloss.CrossEntropyLoss()(np.array(rows), np.array([2, 1]))
    assert topkloss.CrossEntropyLoss()(rows, [2, 1]) == expected
    assert topkloss.CrossEntropyLoss()(Wrapped(rows), Wrapped([2, 1])) == expected


def test_foreign_byte_order_is_converted(rng):
    logits = rng.standard_normal((4, 9))
    labels = np.array([0, 1, 2, 3])
    loss = topkloss.CrossEntropyLoss()
    expected = loss(logits, labels)
    assert loss(logits.astype(">f8"), labels.astype(">i8")) == expected


@pytest.mark.parametrize(
    "dtype", ["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]
)
def test_labels_of_every_integer_type(dtype, rng):
    logits = rng.standard_normal((4, 9))
    loss = topkloss.CrossEntropyLoss()
    labels = np.array([8, 0, 3, 3])
    assert loss(logits, labels.astype(dtype)) == loss(logits, labels)
    spread = np.repeat(labels.astype(dtype), 3)[::3]
    assert loss(logits, spread) == loss(logits, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8, bool, ml_dtypes.bfloat16])
def test_sample_weight_of_other_types(dtype, rng):
    logits = rng.standard_normal((4, 9))
    weights = np.array([1, 0, 1, 1])
    loss = topkloss.CrossEntropyLoss()
    expected = loss(logits, [0, 1, 2, 3], sample_weight=weights.astype(float))
    assert loss(logits, [0, 1, 2, 3], sample_weight=weights.astype(dtype)) == expected

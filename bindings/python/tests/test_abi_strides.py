"""Strides between classes and rows in groups, through the C interface: images, for example."""

from __future__ import annotations

from ctypes import byref, sizeof
from dataclasses import dataclass, replace

import numpy as np
import pytest
from abi_support import message
from losses import BY_NAME
from pairwise import pairwise
from scipy.special import softmax
from support import FLOAT16, FLOAT32, FLOAT64, Array, assert_gradient, assert_value

import topkloss
from topkloss import _abi
from topkloss._library import library

LAYOUTS = (
    "images",  # (N, C, H, W)
    "images backwards",  # the same in memory from its end
    "channels last, padded",  # groups of whole rows
    "columns",  # one group, unit stride along rows
    "every second",  # no unit stride at all
    "short groups",  # of three rows
)


def placed(layout, rows, classes, dtype):
    """A view of rows in a layout, a group's size, its strides; and all the memory."""
    size = 3 if layout == "short groups" else rows // 2
    groups = rows // size
    if layout in ("images", "images backwards", "short groups"):
        memory = np.full((groups, classes, size), 7, dtype)
        if layout == "images backwards":
            memory = memory[::-1, ::-1, ::-1]
        view = memory.transpose(0, 2, 1)
    elif layout == "channels last, padded":
        memory = np.full((groups, size + 1, classes + 3), 7, dtype)
        view = memory[:, :size, 1 : classes + 1]
    elif layout == "columns":
        memory = np.full((classes, rows + 5), 7, dtype)
        view, size = memory[:, 2 : rows + 2].T, rows
    else:
        memory = np.full((groups, size, 2, 2 * classes), 7, dtype)
        view = memory[:, :, 1, ::2]
    steps = [stride // view.itemsize for stride in view.strides]
    if view.ndim == 2:
        steps = [0, *steps]
    told = {"row": steps[1], "class": steps[2], "group": steps[0]}
    return view, size, told, memory


def describe(struct, member, view, told):
    """Tells a struct of a matrix."""
    short = member.replace("multi_label_logits", "multi_label")
    setattr(struct, member, view.__array_interface__["data"][0])
    for what, stride in told.items():
        setattr(struct, f"{short}_{what}_stride", stride)


def rows_of(view, rows, classes):
    return np.ascontiguousarray(view).reshape(rows, classes)


def evaluated(batch, loss, layouts, dtype):
    """Value, row values and gradients; the gradients' layout None: over the logits."""
    heads = batch.heads(batch.logits)
    rows, classes = heads[0].shape
    described = _abi.batch(sizeof(_abi.batch), rows, classes)
    described.dtype = {"f4": 0, "f8": 1, "f2": 2}[np.dtype(dtype).str[1:]]
    result = _abi.result(sizeof(_abi.result))
    labels = batch.labels.astype(np.int64)
    described.labels = labels.ctypes.data
    kept, gradients = [], []
    for number, head in enumerate(heads):
        view, size, told, memory = placed(layouts[0], rows, classes, dtype)
        view[...] = head.reshape(view.shape)
        kept.append((view, memory))
        described.rows_per_group = size
        describe(described, ("logits", "multi_label_logits")[number], view, told)
        if layouts[1] is not None:
            view, other, told, memory = placed(layouts[1], rows, classes, dtype)
            assert other == size
        describe(result, ("gradient", "multi_label_gradient")[number], view, told)
        gradients.append(view)
        kept.append((view, memory))
    if batch.noise is not None:
        noise = np.ascontiguousarray(batch.noise, np.float64 if dtype == FLOAT64 else np.float32)
        described.noise = noise.ctypes.data
    values = np.zeros(rows, dtype)
    result.row_values = values.ctypes.data
    status = library.topkloss_evaluate(loss._handle, byref(described), byref(result))
    assert status == 0, message()
    found = np.concatenate([rows_of(view, rows, classes) for view in gradients], axis=1)
    for view, memory in kept:
        # What lies around the rows is as it was.
        view[...] = 7
        assert (memory == 7).all()
    return result.value, values, found


GROUPED = tuple(layout for layout in LAYOUTS if layout not in ("columns", "short groups"))


GRADIENTS = ("same", "over the logits", "images")


@pairwise(
    case=tuple(BY_NAME), logits=LAYOUTS, gradient=GRADIENTS, dtype=(FLOAT64, FLOAT32, FLOAT16)
)
def test_every_loss_in_every_layout(case, logits, gradient, dtype):
    case = BY_NAME[case]
    sampled = case.sample(np.random.default_rng(7), (12, 9), FLOAT32)
    # Numbers that all three types hold, in the type of the formulation.
    noise = None if sampled.noise is None else sampled.noise.astype(FLOAT64)
    batch = replace(sampled, logits=sampled.logits.astype(FLOAT16).astype(FLOAT64), noise=noise)
    like = "images" if logits in GROUPED else logits
    layouts = (logits, {"same": logits, "over the logits": None, "images": like}[gradient])
    value, values, found = evaluated(batch, case.make(batch.counts), layouts, dtype)
    expected, gradients = batch.expect()
    assert_value(value, expected, dtype, case.looser)
    assert_gradient(found, gradients, dtype, case.looser)
    if case.whole is None:
        each, _ = batch.expect(reduction="none")
        assert_value(values, each, dtype, case.looser)


def long_batch(rows, classes, seed=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, classes)), rng.integers(classes, size=rows)


@pytest.mark.parametrize("layout", ["images", "channels last, padded", "every second"])
@pytest.mark.parametrize(("rows", "classes"), [(2 * 1009, 21), (2 * 37, 700), (2, 70_001)])
def test_many_tiles_and_threads(layout, rows, classes):
    """Rows of several tiles, groups that end within one, and rows longer than most tiles."""
    logits, labels = long_batch(rows, classes)
    labels[rows // 3] = -100
    for threads in (1, 3):
        topkloss.set_num_threads(threads)
        batch = SimpleBatch(logits, labels)
        value, _, found = evaluated(batch, topkloss.CrossEntropyLoss(), (layout, layout), FLOAT64)
        kept = labels != -100
        expected = softmax(logits, axis=1)
        each = -np.log(expected[np.arange(rows), np.maximum(labels, 0)])
        expected[np.arange(rows), np.maximum(labels, 0)] -= 1
        expected *= kept[:, None] / kept.sum()
        assert_value(value, each[kept].mean(), FLOAT64)
        assert_gradient(found, expected, FLOAT64)


@dataclass(frozen=True)
class SimpleBatch:
    """One head and no noise."""

    logits: Array
    labels: Array
    noise: None = None

    def heads(self, matrix: Array) -> tuple[Array, ...]:
        return (matrix,)

"""Strides between classes and rows in groups, through the C interface: images, for example."""

from __future__ import annotations

from ctypes import byref, c_double, sizeof
from dataclasses import dataclass, replace

import numpy as np
import pytest
from abi_support import LARGEST, LEAST, Call, filled, message
from losses import BY_NAME
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
    "every second",  # no unit stride at all, and the classes outermost
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
        memory = np.full((2 * classes, groups, size + 1, 2), 7, dtype)
        view = memory[::2, :, :size, 1].transpose(1, 2, 0)
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


@pytest.mark.parametrize("name", BY_NAME)
def test_every_loss_in_every_layout(name):
    """Each layout with a type and a place of the gradient, other ones for other losses."""
    case = BY_NAME[name]
    sampled = case.sample(np.random.default_rng(7), (12, 9), FLOAT32)
    # Numbers that all three types hold, in the type of the formulation.
    noise = None if sampled.noise is None else sampled.noise.astype(FLOAT64)
    batch = replace(sampled, logits=sampled.logits.astype(FLOAT16).astype(FLOAT64), noise=noise)
    expected, gradients = batch.expect()
    each = batch.expect(reduction="none")[0] if case.whole is None else None
    turn = list(BY_NAME).index(name)
    for index, logits in enumerate(LAYOUTS, turn):
        dtype = (FLOAT64, FLOAT32, FLOAT16)[index % 3]
        like = "images" if logits in GROUPED else logits
        gradient = (logits, None, like)[(index + turn // 3) % 3]
        value, values, found = evaluated(batch, case.make(batch.counts), (logits, gradient), dtype)
        assert_value(value, expected, dtype, case.looser)
        assert_gradient(found, gradients, dtype, case.looser)
        if each is not None:
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


def scores_in(layout, scores):
    """A batch of scores alone."""
    rows, classes = scores.shape
    view, size, told, memory = placed(layout, rows, classes, scores.dtype)
    view[...] = scores.reshape(view.shape)
    described = _abi.batch(sizeof(_abi.batch), rows, classes, {4: 0, 8: 1}[scores.itemsize])
    described.rows_per_group = size
    describe(described, "logits", view, told)
    return described, view, told, memory


@pytest.mark.parametrize("layout", LAYOUTS)
def test_functions_of_scores(layout):
    """Metrics, sets, adjustment and prediction against NumPy, of rows enough for several tiles."""
    rng = np.random.default_rng(5)
    scores = rng.standard_normal((1200, 19)).astype(FLOAT32)
    labels = rng.integers(19, size=1200)
    batch, view, told, _memory = scores_in(layout, scores)
    batch.labels = labels.ctypes.data
    ranks = (scores > scores[np.arange(1200), labels][:, None]).sum(axis=1)

    accuracy = c_double()
    options = filled("topk_accuracy_options", k=3)
    assert library.topkloss_topk_accuracy(byref(options), byref(batch), byref(accuracy)) == 0
    assert accuracy.value == pytest.approx((ranks < 3).mean(), abs=1e-12)

    threshold = filled("threshold")
    status = library.topkloss_average_k_threshold(c_double(2.5), byref(batch), byref(threshold))
    assert status == 0
    kept = np.sort(scores.ravel())[::-1]
    assert threshold.value == pytest.approx((float(kept[2999]) + float(kept[3000])) / 2, abs=1e-12)

    indptr, indices = np.zeros(1201, np.int64), np.zeros(3000, np.int64)
    sets = (byref(threshold), 0, byref(batch), indptr.ctypes.data, indices.ctypes.data, 3000)
    assert library.topkloss_predict_sets(*sets) == 0, message()
    assert np.array_equal(np.diff(indptr), (scores > threshold.value).sum(axis=1))
    assert np.array_equal(indices, np.nonzero(scores > threshold.value)[1])

    hits, sizes, weights = np.zeros((3, 19))
    arrays = [each.ctypes.data for each in (hits, sizes, weights)]
    assert library.topkloss_tally_sets(byref(threshold), -100, byref(batch), *arrays) == 0
    own = scores[np.arange(1200), labels] > threshold.value
    assert np.array_equal(hits, np.bincount(labels, own))
    assert np.array_equal(sizes, np.bincount(labels, np.diff(indptr)))

    counts = np.arange(1.0, 20)
    adjust = filled("logit_adjust_options", classes=19, class_counts=counts.ctypes.data)
    adjust.adjusted_class_stride, adjust.adjusted_group_stride = told["class"], told["group"]
    status = library.topkloss_logit_adjust(byref(adjust), byref(batch), batch.logits, told["row"])
    assert status == 0, message()
    expected = scores - np.log(counts / counts.sum())
    np.testing.assert_allclose(rows_of(view, 1200, 19), expected, rtol=0, atol=1e-5)


def spoiled(**values):
    """A call on rows of 5 classes, 4 of them in groups of 2, that is refused."""
    call = Call()
    for member, value in values.items():
        setattr(call.result if hasattr(call.result, member) else call.batch, member, value)
    return call


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"rows_per_group": 3}, "SIZE", ("rows_per_group", "3", "4")),
        ({"rows_per_group": -1}, "SIZE", ("rows_per_group", "-1")),
        ({"logits_class_stride": LARGEST}, "SIZE", ("logits",)),
        ({"rows_per_group": 2, "logits_group_stride": LEAST}, "SIZE", ("logits",)),
        ({"rows_per_group": 2, "logits_group_stride": LARGEST // 8}, "SIZE", ("logits",)),
        ({"gradient_class_stride": 2}, "SIZE", ("gradient", "share memory")),
        ({"gradient_class_stride": -5}, "SIZE", ("gradient", "share memory")),
        ({"gradient_class_stride": 3, "gradient_row_stride": 1}, "SIZE", ("share memory",)),
        ({"rows_per_group": 2, "gradient_group_stride": 9}, "SIZE", ("share memory",)),
        ({"rows_per_group": 2, "gradient_group_stride": LARGEST // 4}, "SIZE", ("gradient",)),
    ],
)
def test_refused(values, status, words):
    said = spoiled(**values).refused(status)
    for word in words:
        assert word in said


def test_output_over_input():
    """In place means the same strides, classes' and groups' too; side by side is no overlap."""
    call = Call()
    call.batch.logits = call.result.gradient
    call.result.gradient_class_stride, call.result.gradient_row_stride = 4, 1
    assert "overlaps batch.logits" in call.refused("ALIASING")
    call.batch.logits_class_stride, call.batch.logits_row_stride = 4, 1
    call.result.gradient_class_stride = 8
    assert "overlaps batch.logits" in call.refused("ALIASING")
    call.result.gradient_class_stride = 4
    assert call.run() == 0, message()


@pytest.mark.parametrize("apart", [5, 4])
def test_heads_side_by_side(apart):
    """Both heads of one convolution, (N, 2 C, W), each with its gradient in place."""
    call = Call("two_head_average_k")
    memory = np.random.default_rng(2).standard_normal((2, 10, 2)).astype(FLOAT32)
    where = memory.ctypes.data
    call.batch.rows_per_group = 2
    for struct, first, second in (
        (call.batch, "logits", "multi_label"),
        (call.result, "gradient", "multi_label_gradient"),
    ):
        for short in (first, second):
            setattr(struct, f"{short}_row_stride", 1)
            setattr(struct, f"{short}_class_stride", 2)
            setattr(struct, f"{short}_group_stride", 20)
    call.batch.logits = call.result.gradient = where
    second = where + apart * 2 * memory.itemsize
    call.batch.multi_label_logits = call.result.multi_label_gradient = second
    if apart == 4:
        call.refused("ALIASING")
    else:
        assert call.run() == 0, message()

"""Calls of the C interface through bare ctypes, every part of which can be spoiled."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_void_p, sizeof

import numpy as np
import pytest

from topkloss import _abi
from topkloss._library import library

ROWS, CLASSES = 4, 5
LARGEST = 2**63 - 1
LEAST = -(2**63)


def name(status):
    return library.topkloss_status_name(status).decode().removeprefix("TOPKLOSS_ERROR_")


def message():
    return library.topkloss_last_error().decode()


class Call:
    """A call of topkloss_evaluate that succeeds, whose every part can be spoiled.

    The arrays have guards around them, so that a single element written out of place is seen.
    """

    def __init__(
        self, kind="cross_entropy", dtype=np.float32, rows=ROWS, classes=CLASSES, reduction=None
    ):
        self.rows, self.classes = rows, classes
        self.memory = np.full((rows + 2) * classes, 7, dtype)
        self.gradient = self.memory[classes:-classes].reshape(rows, classes)
        self.row_memory = np.full(rows + 2, 7, dtype)
        self.logits = np.random.default_rng(1).standard_normal((rows, classes)).astype(dtype)
        self.labels = (np.arange(rows) % classes).astype(np.int64)
        self.options = options(kind)
        if reduction is not None:
            self.options.reduction = reduction
        self.loss = created(kind, self.options)
        self.batch = _abi.batch(sizeof(_abi.batch), rows, classes)
        self.batch.dtype = {"f4": 0, "f8": 1, "f2": 2}[np.dtype(dtype).str[1:]]
        self.batch.logits = self.logits.ctypes.data
        self.batch.labels = self.labels.ctypes.data
        if kind == "two_head_average_k":
            self.second = self.logits[:, ::-1].copy()
            self.batch.multi_label_logits = self.second.ctypes.data
        self.result = _abi.result(sizeof(_abi.result))
        self.result.value = self.result.total_weight = 7
        self.result.gradient = self.gradient.ctypes.data
        self.result.row_values = self.row_memory[1:].ctypes.data

    def run(self):
        return library.topkloss_evaluate(self.loss, byref(self.batch), byref(self.result))

    def refused(self, *statuses):
        """The call fails as it should, and has written nothing, not even a number."""
        status = name(self.run())
        assert status in statuses, (status, message())
        assert (self.memory == 7).all()
        assert (self.row_memory == 7).all()
        assert (self.result.value, self.result.total_weight) == (7, 7)
        assert message()
        return message()

    def __del__(self):
        library.topkloss_loss_destroy(self.loss)


COUNTS = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
KINDS = tuple(_abi.LOSS_OPTIONS)
REDUCED_KINDS = tuple(kind for kind in KINDS if hasattr(_abi.LOSS_OPTIONS[kind], "reduction"))
WITH_CLASSES = tuple(kind for kind in KINDS if hasattr(_abi.LOSS_OPTIONS[kind], "classes"))
NEED_COUNTS = tuple(
    kind
    for kind in WITH_CLASSES
    if hasattr(_abi.LOSS_OPTIONS[kind], "class_counts") and kind != "noised_topk"
)
NEED_NOTHING = tuple(
    kind for kind in KINDS if kind not in NEED_COUNTS and not hasattr(_abi.LOSS_OPTIONS[kind], "k")
)
WRONG_SIZES = (0, 1, 7, 8, 4097, 2**63, 2**64 - 1)
every_kind = pytest.mark.parametrize("kind", KINDS)


def options(kind):
    filled = _abi.LOSS_OPTIONS[kind]()
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    assert initialise(byref(filled), sizeof(filled)) == 0
    if hasattr(filled, "k"):
        filled.k = 2
    if kind in NEED_COUNTS:
        filled.classes, filled.class_counts = CLASSES, COUNTS.ctypes.data
    return filled


def created(kind, filled):
    handle = c_void_p()
    create = getattr(library, f"topkloss_{kind}_create")
    assert create(byref(filled), byref(handle)) == 0, message()
    return handle


def refused_creation(kind, filled, *statuses):
    handle = c_void_p(1)
    status = getattr(library, f"topkloss_{kind}_create")(byref(filled), byref(handle))
    assert name(status) in statuses, (name(status), message())
    assert handle.value is None
    return message()


def with_executor(call, parallel_for, concurrency=3):
    executor = _abi.executor(
        sizeof(_abi.executor), _abi.parallel_for(parallel_for), 1234, concurrency
    )
    call.batch.executor = ctypes.pointer(executor)
    return executor


def filled(struct, **values):
    """A struct with its defaults and these values."""
    made = _abi.INITIALISED[struct]()
    assert getattr(library, f"topkloss_{struct}_init")(byref(made), sizeof(made)) == 0
    for member, value in values.items():
        setattr(made, member, value)
    return made

"""Executors: the host's own threads."""

from __future__ import annotations

import ctypes
from ctypes import sizeof

import numpy as np
import pytest
from abi_support import CLASSES, Call, every_kind, message, name, with_executor
from test_abi_functions import FUNCTIONS, Outputs, calls, filled

from topkloss import _abi


@every_kind
def test_executor(kind):
    """The host's threads: here one thread that runs the tasks backwards."""
    expected, call = Call(kind, rows=500, classes=CLASSES), Call(kind, rows=500, classes=CLASSES)
    seen = []

    def backwards(context, count, task, task_context):
        seen.append((context, count))
        for index in reversed(range(count)):
            task(task_context, index)

    keep = with_executor(call, backwards)
    assert expected.run() == call.run() == 0
    assert expected.result.value == call.result.value
    assert expected.memory.tobytes() == call.memory.tobytes()
    assert all(context == 1234 and count >= 1 for context, count in seen)
    del keep


def test_executor_that_forgets_a_task():
    call = Call(rows=2000, classes=CLASSES)

    def lazy(_, count, task, task_context):
        for index in range(count - 1):
            task(task_context, index)

    keep = with_executor(call, lazy)
    assert name(call.run()) == "EXECUTOR"
    assert message()
    del keep


@pytest.mark.parametrize("concurrency", [0, -1, 1025, 2**31 - 1])
def test_executor_concurrency(concurrency):
    call = Call()
    keep = with_executor(call, lambda *_: None, concurrency)
    assert "concurrency" in call.refused("OPTION", "SIZE")
    del keep


def test_executor_without_a_function():
    call = Call()
    executor = _abi.executor(sizeof(_abi.executor), _abi.parallel_for(), None, 2)
    call.batch.executor = ctypes.pointer(executor)
    assert "parallel_for" in call.refused("NULL_POINTER")


# Of every row one reads a single score, which no thread is worth.
@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "conformal_thresholds"])
def test_other_functions_on_the_hosts_threads(function):
    rows = 5000
    call = Call(rows=rows)
    plain, counted = Outputs(), Outputs()
    for out in (plain, counted):
        seen = []
        out.integers = np.full(rows + 1, 7, np.int64)

        def backwards(_, count, task, context, seen=seen):
            seen.append(count)
            for index in reversed(range(count)):
                task(context, index)

        if out is counted:
            keep = with_executor(call, backwards)
        # No score is above it: there is room for few classes.
        nothing = filled("threshold", value=1e9)
        assert calls(call, out, threshold=ctypes.byref(nothing))[function]() == 0, message()
    assert seen
    assert bytes(plain.threshold) == bytes(counted.threshold)
    assert plain.one.value == counted.one.value
    assert np.array_equal(plain.integers, counted.integers)
    assert np.array_equal(plain.numbers, counted.numbers, equal_nan=True)
    call.batch.executor = None
    keep = with_executor(call, lambda *_: None)
    assert name(calls(call, out)[function]()) == "EXECUTOR"
    del keep

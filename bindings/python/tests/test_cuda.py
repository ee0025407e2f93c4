"""`topkloss.cuda`: pointers in, kernels out, on a device that the processor plays."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from cuda_support import capturing, counts, driver, faults
from support import refuses

import topkloss
from topkloss import _cuda_abi, _library, cuda

ROWS, CLASSES = 5, 21
COUNTS = np.arange(CLASSES, 0, -1)


@pytest.fixture(autouse=True)
def device():
    driver()


def aligned(size):
    """Memory as a device gives it out."""
    room = np.zeros(size + 256, np.uint8)
    start = -room.ctypes.data % 256
    return room[start : start + size]


def batch_of(labels=(3, -100, 0, 20, 7)):
    logits = np.random.default_rng(4).normal(size=(ROWS, CLASSES)).astype(np.float32)
    return logits, np.array(labels)


class Call:
    """A call, with the memory that it takes."""

    def __init__(self, loss, logits, labels):
        self.loss, self.gradient = loss, np.zeros_like(logits)
        self.batch = cuda.batch(*logits.shape, logits=logits.ctypes.data, labels=labels.ctypes.data)
        self.result = cuda.result(gradient=self.gradient.ctypes.data)
        constant_bytes, workspace_bytes = cuda.needs(loss, self.batch, self.result)
        self.constants = aligned(constant_bytes)
        self.constants[:] = cuda.constants(loss, constant_bytes)
        self.workspace = aligned(workspace_bytes)
        self.outcome = np.zeros(6)

    def run(self, **options):
        memory = {
            "constants": self.constants.ctypes.data if self.constants.size else None,
            "workspace": self.workspace.ctypes.data,
            "workspace_bytes": self.workspace.size,
            "outcome": self.outcome.ctypes.data,
        }
        cuda.evaluate(self.loss, self.batch, self.result, **memory | options)


def test_a_call():
    logits, labels = batch_of()
    loss = topkloss.LogitAdjustedLoss(COUNTS)
    call = Call(loss, logits, labels)
    call.run()
    cuda.check(call.outcome, CLASSES)
    value, gradient = loss.value_and_grad(logits, labels)
    assert abs(call.outcome[0] - value) < 1e-6
    assert call.outcome[1] == 4
    np.testing.assert_allclose(call.gradient, gradient, atol=1e-6 * np.abs(gradient).max())


def test_a_prepared_call_can_be_captured():
    logits, labels = batch_of()
    call = Call(topkloss.CrossEntropyLoss(), logits, labels)
    cuda.prepare(call.loss)
    before = counts()
    with capturing():
        call.run()
    after = counts()
    assert after.launches > before.launches
    for name in ("allocations", "synchronizations", "copies", "modules", "depth"):
        assert getattr(after, name) == getattr(before, name), name
    assert call.outcome[0] > 0


def test_a_fault_is_found_on_the_device():
    logits, labels = batch_of([3, 1, 21, 0, 0])
    call = Call(topkloss.CrossEntropyLoss(), logits, labels)
    call.run()
    assert np.isnan(call.outcome[0])
    assert np.isnan(call.gradient).all()
    refuses("LABEL", ["row 2", "21"], cuda.check, call.outcome, CLASSES)


def test_wrong_calls():
    logits, labels = batch_of()
    loss = topkloss.LogitAdjustedLoss(COUNTS)
    call = Call(loss, logits, labels)
    refuses("SIZE", ["workspace_bytes"], call.run, workspace_bytes=8)
    refuses("NULL_POINTER", ["constants"], call.run, constants=None)
    refuses("SIZE", ["256"], call.run, workspace=call.workspace.ctypes.data + 8)
    with pytest.raises(TypeError, match="topkloss_batch has no member logit"):
        cuda.batch(1, 2, logit=3)
    double = cuda.batch(ROWS, CLASSES, logits=logits.ctypes.data, labels=labels.ctypes.data)
    double.dtype = 1
    refuses("UNSUPPORTED", ["float64"], cuda.needs, loss, double, cuda.result())


def test_a_driver_that_fails():
    logits, labels = batch_of()
    call = Call(topkloss.CrossEntropyLoss(), logits, labels)
    with faults("launch"):
        refuses("DEVICE", ["cuLaunchKernel"], call.run)


def test_the_structs_are_those_of_the_header():
    assert [name for name, _ in _cuda_abi.cuda_outcome._fields_][3] == "fault"
    after = "logit_adjust", "topk_accuracy"
    names = "check", "constants", "devices", "evaluate", "needs", "prepare", *after
    assert set(_cuda_abi.PROTOTYPES) == {f"topkloss_cuda_{name}" for name in names}


def python(code, **variables):
    environment = {**os.environ, "TOPKLOSS_LIBRARY": _library.library._name, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_loaded_before_it_is_needed_and_missing_is_said(tmp_path):
    missing = str(tmp_path / "libtopkloss_cuda.so")
    code = (
        "import topkloss\n"
        "assert 'topkloss_cuda' not in open('/proc/self/maps').read()\n"
        "try: topkloss.cuda.devices()\n"
        "except topkloss.TopKLossError as error: print(error.status, error)"
    )
    said = python(code, TOPKLOSS_CUDA_LIBRARY=missing)
    assert said.startswith("TOPKLOSS_ERROR_DEVICE topkloss cannot load its library: ")
    assert missing in said


def test_float64_is_not_computed_on_devices():
    refuses("UNSUPPORTED", ["float64"], cuda.batch, 2, 3, "float64")

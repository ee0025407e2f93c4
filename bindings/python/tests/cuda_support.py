"""A CUDA device that the processor plays: the emulator and the stand-in driver of Tests/GPU.

Import this before a device is used: the library then finds the driver that is loaded here. All
memory is the device's own, streams are done when a call returns, and what must not happen inside
the capture of a graph is counted, and an error while one is played.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from topkloss import cuda

GPU = Path(__file__).resolve().parents[3] / "Tests/GPU"

if not Path(cuda._path()).exists():
    pytest.skip("needs libtopkloss_cuda.so beside the library", allow_module_level=True)
if not shutil.which("swiftc") and not os.environ.get("CLANG"):
    pytest.skip("needs clang to translate kernels with", allow_module_level=True)


class Counts(ctypes.Structure):
    """FakeCounts of fakecuda.h."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("launches", "allocations", "frees", "synchronizations", "copies", "modules"),
            "depth",
        )
    )


@functools.cache
def driver():
    """The stand-in driver, once for the process."""
    sys.path.append(str(GPU))
    import device  # of Tests/GPU

    if "torch" in sys.modules:  # it looks for devices once, and would not like this one
        sys.modules["torch"].cuda.is_available()
    os.environ["TOPKLOSS_GPU_CACHE"] = str(device.cache())
    os.environ["FAKE_CUDA_ANYWHERE"] = os.environ["TOPKLOSS_CUDA"] = "1"
    loaded = ctypes.CDLL(str(device.stand_in_driver() / "libcuda.so.1"), ctypes.RTLD_GLOBAL)
    assert cuda.devices() == 1, "another driver has been loaded before"
    return loaded


def counts():
    found = Counts()
    driver().fake_cuda_counts(ctypes.byref(found))
    return found


@contextmanager
def faults(*names):
    """The driver fails at these: see fakecuda.c."""
    driver().fake_cuda_set_faults(",".join(names).encode())
    try:
        yield
    finally:
        driver().fake_cuda_set_faults(None)


@contextmanager
def capturing():
    """Streams are captured into a graph."""
    driver().fake_cuda_set_capturing(1)
    try:
        yield
    finally:
        driver().fake_cuda_set_capturing(0)

"""The stand-in driver, called as the library calls a real one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

import numpy as np
import pytest

import device
from call import CONSTANTS, Call, Partial

pytestmark = pytest.mark.usefixtures("context")


class _Counts(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("launches", "allocations", "frees", "synchronizations", "copies", "modules"),
            "depth",
        )
    )


@pytest.fixture(scope="module")
def cuda() -> ctypes.CDLL:
    os.environ["TOPKLOSS_GPU_CACHE"] = str(device.cache())
    library = ctypes.CDLL(str(device.stand_in_driver() / "libcuda.so.1"))
    library.fake_cuda_error.restype = ctypes.c_char_p
    return library


@pytest.fixture
def context(cuda: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    cuda.fake_cuda_set_faults(None)
    assert cuda.cuInit(0) == 0
    handle = ctypes.c_void_p()
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(handle), 0) == 0
    assert cuda.cuCtxPushCurrent_v2(handle) == 0
    yield handle
    # The driver is the process's, other files' tests included.
    cuda.fake_cuda_set_faults(None)
    cuda.cuCtxPopCurrent_v2(None)


def counts(cuda: ctypes.CDLL) -> _Counts:
    found = _Counts()
    cuda.fake_cuda_counts(ctypes.byref(found))
    return found


def function(cuda: ctypes.CDLL, kernel: str) -> ctypes.c_void_p:
    module, found = ctypes.c_void_p(), ctypes.c_void_p()
    image = (device.PTX / "batch.ptx").read_bytes()
    assert cuda.cuModuleLoadDataEx(ctypes.byref(module), image, 0, None, None) == 0
    assert cuda.cuModuleGetFunction(ctypes.byref(found), module, kernel.encode()) == 0
    return found


def allocated(cuda: ctypes.CDLL, size: int) -> ctypes.c_uint64:
    address = ctypes.c_uint64()
    assert cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(size)) == 0
    return address


def launch(cuda: ctypes.CDLL, kernel: ctypes.c_void_p, call: ctypes.Structure, threads: int) -> int:
    parameters = (ctypes.c_void_p * 1)(ctypes.addressof(call))
    blocks = CONSTANTS["TOPK_DEVICE_PARTIALS"]
    return int(
        cuda.cuLaunchKernel(kernel, blocks, 1, 1, threads, 1, 1, 256, None, parameters, None)
    )


def call_with_labels(cuda: ctypes.CDLL, labels: np.ndarray) -> tuple[Call, ctypes.c_uint64]:
    partials = allocated(cuda, 32 * ctypes.sizeof(Partial))
    place = allocated(cuda, labels.nbytes)
    data = ctypes.c_void_p(labels.ctypes.data)
    assert cuda.cuMemcpyHtoDAsync_v2(place, data, ctypes.c_size_t(labels.nbytes), None) == 0
    call = Call(rows=len(labels), classes=10, ignored_label=-100)
    call.labels, call.partials = place.value, partials.value
    return call, partials


def test_a_launch_works_on_allocated_memory(cuda: ctypes.CDLL) -> None:
    call, partials = call_with_labels(cuda, np.array([3, -100, 9, 11, 0]))
    before = counts(cuda)
    assert launch(cuda, function(cuda, "topk_begin"), call, 64) == 0
    assert counts(cuda).launches == before.launches + 1
    found = (Partial * 32)()
    size = ctypes.c_size_t(ctypes.sizeof(found))
    assert cuda.cuMemcpyDtoH_v2(found, partials, size) == 0
    assert counts(cuda).synchronizations == before.synchronizations + 1
    assert sum(each.total_weight for each in found) == 3
    assert min(each.bad_label for each in found) == 3


def test_memory_has_a_device_and_other_memory_none(cuda: ctypes.CDLL) -> None:
    ordinal = ctypes.c_int(-7)
    address = allocated(cuda, 100)
    inside = ctypes.c_uint64(address.value + 99)
    assert cuda.cuPointerGetAttribute(ctypes.byref(ordinal), 9, inside) == 0
    assert ordinal.value == 0
    host = ctypes.c_uint64(np.zeros(8).ctypes.data)
    assert cuda.cuPointerGetAttribute(ctypes.byref(ordinal), 9, host) == 1
    assert cuda.cuMemFree_v2(address) == 0
    assert cuda.cuPointerGetAttribute(ctypes.byref(ordinal), 9, address) == 1


def test_use_of_freed_memory_fails_the_launch_and_what_comes_after(cuda: ctypes.CDLL) -> None:
    call, partials = call_with_labels(cuda, np.array([3, 1]))
    kernel = function(cuda, "topk_begin")
    assert cuda.cuMemFree_v2(partials) == 0
    assert launch(cuda, kernel, call, 64) == 719
    assert b"outside of the memory" in cuda.fake_cuda_error()
    assert cuda.cuStreamSynchronize(None) == 719
    cuda.fake_cuda_set_faults(None)
    assert cuda.cuStreamSynchronize(None) == 0


def test_launches_that_a_driver_refuses(cuda: ctypes.CDLL, context: ctypes.c_void_p) -> None:
    call, _ = call_with_labels(cuda, np.array([3, 1]))
    kernel = function(cuda, "topk_begin")
    assert launch(cuda, kernel, call, 2048) == 1
    cuda.cuCtxPopCurrent_v2(None)
    assert launch(cuda, kernel, call, 64) == 201
    cuda.cuCtxPushCurrent_v2(context)
    cuda.fake_cuda_set_capturing(1)
    address = ctypes.c_uint64()
    assert cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(8)) == 900
    assert cuda.cuStreamSynchronize(None) == 900
    assert launch(cuda, kernel, call, 64) == 0
    cuda.fake_cuda_set_capturing(0)


@pytest.mark.parametrize(
    ("fault", "name", "status"), [("no-device", "cuInit", 100), ("memory", "cuMemAlloc_v2", 2)]
)
def test_faults(cuda: ctypes.CDLL, fault: str, name: str, status: int) -> None:
    cuda.fake_cuda_set_faults(fault.encode())
    address = ctypes.c_uint64()
    arguments = [0] if name == "cuInit" else [ctypes.byref(address), ctypes.c_size_t(8)]
    assert getattr(cuda, name)(*arguments) == status

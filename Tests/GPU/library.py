"""libtopkloss_cuda.so on a device: whole calls, from a loss of the package to its gradient.

The stand-in driver plays the device, unless TOPKLOSS_GPU_DRIVER is "real": then it is the machine's
own. TOPKLOSS_CUDA_LIBRARY names the library; at first .build/release/libtopkloss_cuda.so.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from topkloss import _abi

import device

Array = npt.NDArray[Any]


class Memory(ctypes.Structure):
    """topkloss_cuda_memory."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("constants", ctypes.c_size_t),
        ("workspace", ctypes.c_size_t),
    )


class Outcome(ctypes.Structure):
    """topkloss_cuda_outcome."""

    _fields_ = (
        *((name, ctypes.c_double) for name in ("value", "total_weight", "threshold")),
        *((name, ctypes.c_int64) for name in ("fault", "row", "label")),
    )


class Launch(ctypes.Structure):
    """topkloss_cuda_launch."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("stream", ctypes.c_void_p),
        ("constants", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_size_t),
        ("outcome", ctypes.c_void_p),
    )


DTYPES = {
    "float32": _abi.TOPKLOSS_FLOAT32,
    "float16": _abi.TOPKLOSS_FLOAT16,
    "bfloat16": _abi.TOPKLOSS_BFLOAT16,
}


IS_PLAYED = os.environ.get("TOPKLOSS_GPU_DRIVER") != "real"


@functools.cache
def driver() -> ctypes.CDLL:
    """The CUDA driver, or what stands for it."""
    if not IS_PLAYED:
        return ctypes.CDLL("libcuda.so.1")
    os.environ["TOPKLOSS_GPU_CACHE"] = str(device.cache())
    loaded = ctypes.CDLL(str(device.stand_in_driver() / "libcuda.so.1"), mode=ctypes.RTLD_GLOBAL)
    loaded.fake_cuda_error.restype = ctypes.c_char_p
    return loaded


def cuda_library() -> Path:
    """The file."""
    given = os.environ.get("TOPKLOSS_CUDA_LIBRARY")
    return Path(given or device.TOP / ".build/release/libtopkloss_cuda.so").resolve()


@functools.cache
def cuda() -> ctypes.CDLL:
    """The library."""
    driver()
    os.environ["TOPKLOSS_CUDA"] = "1"
    return ctypes.CDLL(str(cuda_library()))


def check(status: int) -> None:
    """Raises what the library has said."""
    if status:
        from topkloss._library import library

        library.topkloss_last_error.restype = ctypes.c_char_p
        words = library.topkloss_last_error().decode()
        played = driver().fake_cuda_error().decode() if IS_PLAYED else ""
        raise RuntimeError(f"{status}: {words} {played}")


class Block:
    """Memory of the device, filled from an array or with NaN."""

    def __init__(self, content: Array | int) -> None:
        address = ctypes.c_uint64()
        self.bytes = content if isinstance(content, int) else content.nbytes
        room = ctypes.c_size_t(max(self.bytes, 1))
        with current():
            assert driver().cuMemAlloc_v2(ctypes.byref(address), room) == 0
            assert IS_PLAYED or driver().cuMemsetD8_v2(address, 0xFF, room) == 0
        self.address = int(address.value)
        if not isinstance(content, int) and content.nbytes:
            data = np.ascontiguousarray(content)
            self._copy(data, "HtoD", (self.address, data.ctypes.data))

    def read(self, like: Array) -> Array:
        """The content, in an array of such a shape and type."""
        found = np.empty_like(like)
        if found.nbytes:
            self._copy(found, "DtoH", (found.ctypes.data, self.address))
        return found

    def _copy(self, data: Array, way: str, ends: tuple[int, int]) -> None:
        # The driver's counts are of what the library does.
        if IS_PLAYED:
            ctypes.memmove(*ends, data.nbytes)
            return
        to, start = map(ctypes.c_uint64, ends)
        with current():
            copied = getattr(driver(), f"cuMemcpy{way}_v2")(to, start, ctypes.c_size_t(data.nbytes))
        if copied:
            raise RuntimeError(f"cuMemcpy{way} failed with error {copied}")

    def free(self) -> None:
        """Gives it back."""
        with current():
            driver().cuMemFree_v2(ctypes.c_uint64(self.address))


@contextlib.contextmanager
def current() -> Iterator[None]:
    """The first device's context as the thread's current one."""
    context = ctypes.c_void_p()
    assert driver().cuInit(0) == 0
    assert driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
    assert driver().cuCtxPushCurrent_v2(context) == 0
    try:
        yield
    finally:
        driver().cuCtxPopCurrent_v2(ctypes.byref(context))


@dataclass
class Answer:
    """What a call left."""

    value: float
    total_weight: float
    threshold: float
    outcome: Outcome
    gradient: Array | None
    second_gradient: Array | None
    row_values: Array


def evaluate(
    loss: Any,
    logits: Array,
    labels: Array | None,
    *,
    dtype: str = "float32",
    second: Array | None = None,
    in_place: bool = False,
    wants_gradient: bool = True,
    order: int = 3,
    threshold: float = 0.0,
    result_members: dict[str, Any] | None = None,
    **members: Any,
) -> Answer:
    """Rows as stored (of float16 and bfloat16 as uint16 bits or float16), on the device.

    `second` is soft labels if there are no labels, else the multi-label head's logits; `members`
    are others of the batch, of which arrays are put on the device.
    """
    if IS_PLAYED:
        driver().fake_cuda_set_order(ctypes.c_uint64(order))
    rows, classes = logits.shape[0], logits.shape[1]
    rows = members.pop("rows", rows)
    classes = members.pop("classes", classes)
    batch = _abi.batch(ctypes.sizeof(_abi.batch), rows, classes, DTYPES[dtype])
    blocks: list[Block] = []

    def put(content: Array | int) -> Block:
        blocks.append(Block(content))
        return blocks[-1]

    stored = put(logits)
    batch.logits = stored.address
    if labels is not None:
        batch.label_type = _abi.TOPKLOSS_INT32 if labels.dtype == np.int32 else _abi.TOPKLOSS_INT64
        batch.labels = put(labels).address
    other = None
    if second is not None:
        other = put(second)
        setattr(batch, "soft_labels" if labels is None else "multi_label_logits", other.address)
    for name, value in members.items():
        setattr(batch, name, put(value).address if isinstance(value, np.ndarray) else value)
    result = _abi.result(ctypes.sizeof(_abi.result))
    gradient = second_gradient = None
    if wants_gradient:
        gradient = stored if in_place else put(logits.nbytes)
        result.gradient = gradient.address
        if labels is not None and other is not None:
            second_gradient = other if in_place else put(logits.nbytes)
            result.multi_label_gradient = second_gradient.address
    for name, value in (result_members or {}).items():
        setattr(result, name, value)
    values = np.zeros(rows, logits.dtype)
    row_values = put(values)
    result.row_values = row_values.address
    memory = Memory(ctypes.sizeof(Memory))
    handle = ctypes.c_void_p(loss._handle)
    check(
        cuda().topkloss_cuda_needs(
            handle, ctypes.byref(batch), ctypes.byref(result), ctypes.byref(memory)
        )
    )
    constants = np.zeros(memory.constants, np.uint8)
    check(
        cuda().topkloss_cuda_constants(
            handle, ctypes.c_void_p(constants.ctypes.data), ctypes.c_size_t(len(constants))
        )
    )
    start = Outcome(threshold=threshold)
    outcome = put(np.frombuffer(bytes(start), np.uint8))
    launch = Launch(
        ctypes.sizeof(Launch),
        None,
        put(constants).address if len(constants) else None,
        put(memory.workspace).address,
        memory.workspace,
        outcome.address,
    )
    check(
        cuda().topkloss_cuda_evaluate(
            handle, ctypes.byref(batch), ctypes.byref(result), ctypes.byref(launch)
        )
    )
    found = Outcome.from_buffer_copy(
        outcome.read(np.zeros(ctypes.sizeof(Outcome), np.uint8)).tobytes()
    )
    answer = Answer(
        found.value,
        found.total_weight,
        found.threshold,
        found,
        None if gradient is None else gradient.read(logits),
        None if second_gradient is None else second_gradient.read(logits),
        row_values.read(values),
    )
    for block in blocks:
        block.free()
    return answer

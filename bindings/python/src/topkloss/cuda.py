"""The losses on NVIDIA GPUs, for whoever has pointers to a device's memory: as topkloss_cuda.h.

PyTorch's tensors need none of this: see `topkloss.torch`. With CuPy, say:

    import cupy, numpy as np, topkloss
    from topkloss import cuda

    loss = topkloss.LogitAdjustedLoss(class_counts)
    batch = cuda.batch(rows, classes, "float32", logits=logits.data.ptr, labels=labels.data.ptr)
    result = cuda.result(gradient=gradient.data.ptr)
    constant_bytes, workspace_bytes = cuda.needs(loss, batch, result)
    constants = cupy.asarray(cuda.constants(loss, constant_bytes))  # once for a loss and a device
    workspace = cupy.empty(workspace_bytes, np.uint8)
    outcome = cupy.zeros(6)
    cuda.evaluate(
        loss, batch, result,
        constants=constants.data.ptr, workspace=workspace.data.ptr, workspace_bytes=workspace_bytes,
        outcome=outcome.data.ptr, stream=cupy.cuda.get_current_stream().ptr,
    )
    cuda.check(outcome.get(), classes)  # waits for the device; outcome[0] is the value

Nothing waits for the device but what copies from it, and nothing is allocated there: all memory is
the caller's, constants and workspace at multiples of 256 bytes, and stays as it is until the stream
has done the call. Labels that are no classes and numbers that are not finite are found on the
device: value and gradient are NaN then, and `check` says why. Labels are int64, or int32 with
``label_type=1``; weights float64; noise float32. What is not computed on devices (float64, say)
stands in topkloss_cuda.h, and is an error. Accuracies and adjusted scores are there in C alone.

**This path has been proved by emulation, and has not met hardware.** What uses the driver,
`devices`, `prepare` and `evaluate`, therefore works where the environment variable TOPKLOSS_CUDA is
1. The library for devices, libtopkloss_cuda.so, is loaded at first use, from beside libtopkloss.so
(in the package) or from where TOPKLOSS_CUDA_LIBRARY says.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import byref, sizeof
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topkloss import _abi, _cuda_abi
from topkloss._address import address
from topkloss._handle import Handle
from topkloss._library import check as raise_error
from topkloss._library import declare, library
from topkloss.errors import TopKLossError

__all__ = ["batch", "check", "constants", "devices", "evaluate", "needs", "prepare", "result"]

DTYPES = {
    "float32": _abi.TOPKLOSS_FLOAT32,
    "float16": _abi.TOPKLOSS_FLOAT16,
    "bfloat16": _abi.TOPKLOSS_BFLOAT16,
}


def _path() -> str:
    """Of the library for devices: what is named, else the one beside the package's other."""
    named = os.environ.get("TOPKLOSS_CUDA_LIBRARY")
    return named or str(Path(library._name).with_name("libtopkloss_cuda.so"))


@functools.cache
def _loaded() -> ctypes.CDLL | str:
    """The library, or why there is none: found out once."""
    try:
        return declare(_path(), _cuda_abi.PROTOTYPES)
    except ImportError as error:
        return str(error)


def device_library() -> ctypes.CDLL:
    """The library for devices.

    Raises:
        TopKLossError: It cannot be loaded.
    """
    loaded = _loaded()
    if isinstance(loaded, str):
        raise TopKLossError(loaded, "TOPKLOSS_ERROR_DEVICE")
    return loaded


def devices() -> int:
    """How many devices there are.

    Raises:
        TopKLossError: There is none, or no driver, or one too old.
    """
    count = ctypes.c_int32()
    raise_error(device_library().topkloss_cuda_devices(byref(count)))
    return count.value


def batch(rows: int, classes: int, dtype: str = "float32", **members: int) -> _abi.batch:
    """A batch in a device's memory.

    Args:
        rows: How many.
        classes: How many.
        dtype: Of logits, gradient and row values: ``"float32"``, ``"float16"`` or ``"bfloat16"``.
        members: Those of topkloss_batch: ``logits``, ``labels``, ``sample_weight`` and other
            pointers of the device's, strides in elements, a ``step``.
    """
    if dtype not in DTYPES:
        raise TopKLossError(
            f"dtype is {dtype!r}; on a device it is one of {', '.join(DTYPES)}",
            "TOPKLOSS_ERROR_UNSUPPORTED",
        )
    made = _abi.batch(sizeof(_abi.batch), rows, classes, DTYPES[dtype])
    _fill(made, members)
    return made


def result(**members: int) -> _abi.result:
    """Where results go: pointers of the device's, and strides, by the names of topkloss_result."""
    made = _abi.result(sizeof(_abi.result))
    _fill(made, members)
    return made


def _fill(struct: Any, members: dict[str, int]) -> None:
    known = {name for name, _ in struct._fields_}
    for name, value in members.items():
        if name not in known:
            raise TypeError(f"topkloss_{type(struct).__name__} has no member {name}")
        setattr(struct, name, value)


def needs(loss: Handle, batch: _abi.batch, result: _abi.result) -> tuple[int, int]:
    """Bytes of device memory that a loss's constants and that a call's workspace take.

    Raises:
        TopKLossError: Something is wrong with the call, or it is not computed on devices.
    """
    memory = _cuda_abi.cuda_memory(sizeof(_cuda_abi.cuda_memory))
    status = device_library().topkloss_cuda_needs(
        loss._handle, byref(batch), byref(result), byref(memory)
    )
    raise_error(status, None, **loss._names)
    return memory.constants, memory.workspace


def constants(loss: Handle, size: int) -> npt.NDArray[np.uint8]:
    """A loss's constants, to be copied to the devices where it is used.

    Args:
        loss: A loss.
        size: As many bytes as `needs` says.
    """
    written = np.empty(size, np.uint8)
    raise_error(device_library().topkloss_cuda_constants(loss._handle, address(written), size))
    return written


def prepare(loss: Handle, device: int = 0) -> None:
    """Has the driver compile what a loss needs on a device, which `evaluate` would do at first.

    For what is captured into a graph, where that is not possible. May wait for the device.
    """
    raise_error(device_library().topkloss_cuda_prepare(loss._handle, device))


def evaluate(
    loss: Handle,
    batch: _abi.batch,
    result: _abi.result,
    *,
    workspace: int,
    workspace_bytes: int,
    constants: int | None = None,
    outcome: int | None = None,
    stream: int | None = None,
) -> None:
    """Puts a call on a stream.

    Args:
        loss: A loss.
        batch: What `batch` made.
        result: What `result` made.
        workspace: Pointer to so many bytes as `needs` says, or more.
        workspace_bytes: How many.
        constants: Pointer to the loss's constants, unless they take no bytes.
        outcome: Pointer to six numbers of 8 bytes, which receive value, total weight, threshold
            (each float64), fault, row and label of the fault (int64). Of a two-head loss the
            threshold is read first: 0 before the first call.
        stream: The stream, as an integer; None: the device's default stream.

    Raises:
        TopKLossError: Something is wrong with the call, or with the device.
    """
    launch = _cuda_abi.cuda_launch(sizeof(_cuda_abi.cuda_launch))
    launch.stream, launch.constants = stream, constants
    launch.workspace, launch.workspace_bytes = workspace, workspace_bytes
    launch.outcome = ctypes.cast(outcome or 0, ctypes.POINTER(_cuda_abi.cuda_outcome))
    status = device_library().topkloss_cuda_evaluate(
        loss._handle, byref(batch), byref(result), byref(launch)
    )
    raise_error(status, None, **loss._names)


def check(outcome: Any, classes: int) -> None:
    """Raises what an outcome says was wrong with a batch.

    Args:
        outcome: Six numbers of 8 bytes, copied to the CPU's memory: an array.
        classes: The batch's number of classes.

    Raises:
        TopKLossError: A label was no class, or a number was not finite.
    """
    found = _cuda_abi.cuda_outcome.from_buffer_copy(np.ascontiguousarray(outcome).tobytes())
    raise_error(device_library().topkloss_cuda_check(byref(found), classes))

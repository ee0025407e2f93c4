"""Reads DLPack capsules as NumPy arrays, bfloat16 among them, which NumPy itself cannot read."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from topkloss.errors import TopKLossError

_CPU, _CUDA_HOST, _ROCM_HOST = 1, 3, 11
_DEVICES = {2: "cuda", 4: "opencl", 7: "vulkan", 8: "metal", 10: "rocm", 14: "oneapi"}
_INT, _UINT, _FLOAT, _BFLOAT, _BOOL = 0, 1, 2, 4, 6
_KINDS = {_INT: "i", _UINT: "u", _FLOAT: "f", _BFLOAT: "u", _BOOL: "b"}
_READ_ONLY = 1
_FARTHEST = 2**63 - 1
"""Bytes from one end of memory to the other, as NumPy and C count them."""


class _Tensor(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", ctypes.POINTER(c_int64)),
        ("strides", ctypes.POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class _VersionedTensor(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("manager_context", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("tensor", _Tensor),
    ]


_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype = ctypes.c_int
_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Borrowed:
    """Memory of a capsule, in NumPy's array interface; the array keeps this, and this the capsule.

    The capsule is not consumed: its own destructor gives the tensor back to whoever made it.
    """

    def __init__(self, capsule: object, interface: dict[str, Any]) -> None:
        self._capsule = capsule
        self.__array_interface__ = interface


def _capsule(value: Any) -> object:
    try:
        return value.__dlpack__(max_version=(1, 0))
    except TypeError:  # made before DLPack 1.0
        return value.__dlpack__()


def _place(value: Any) -> tuple[int, int]:
    device, index = value.__dlpack_device__()
    return int(device), int(index)


def _unusable(name: str, reason: str) -> TopKLossError:
    return TopKLossError(f"{name} cannot be read: {reason}", "TOPKLOSS_ERROR_ENUMERATOR")


def _asked(name: str, question: Callable[[Any], Any], value: Any) -> Any:
    """What the object's own code answers. Whatever that raises is the argument's fault."""
    try:
        return question(value)
    except Exception as error:
        raise _unusable(name, str(error) or type(error).__name__) from error


def _tensor(name: str, capsule: object) -> tuple[_Tensor, bool]:
    """The tensor in a capsule, and whether it is known to be writable."""
    if _is_valid(capsule, b"dltensor_versioned"):
        address = _get_pointer(capsule, b"dltensor_versioned")
        versioned = _VersionedTensor.from_address(address)
        if versioned.major != 1:
            raise _unusable(name, f"it comes in version {versioned.major} of DLPack, not 1")
        return versioned.tensor, not versioned.flags & _READ_ONLY
    if _is_valid(capsule, b"dltensor"):
        return _Tensor.from_address(_get_pointer(capsule, b"dltensor")), False
    raise _unusable(name, "its __dlpack__() gave no DLPack capsule")


def _array(
    capsule: object, tensor: _Tensor, dtype: np.dtype[Any], writable: bool
) -> npt.NDArray[Any]:
    """The tensor as an array. What cannot be one is refused by NumPy, or here."""
    if tensor.ndim < 0 or (tensor.ndim and not tensor.shape):
        raise ValueError(f"it has {tensor.ndim} dimensions without sizes")
    shape = tuple(tensor.shape[: tensor.ndim]) if tensor.ndim else ()
    if 0 in shape and min(shape) == 0:
        return np.empty(shape, dtype)
    if not tensor.data:
        raise ValueError(f"its shape is {shape}, and its address 0")
    strides = None  # contiguous
    if tensor.strides:
        # Along an axis of one element a stride means nothing, and may be too large for NumPy.
        strides = tuple(
            (stride if size > 1 else 1) * dtype.itemsize
            for size, stride in zip(shape, tensor.strides[: tensor.ndim], strict=True)
        )
        if sum(abs(s) * (n - 1) for s, n in zip(strides, shape, strict=True)) > _FARTHEST:
            raise ValueError(f"its strides in bytes are {strides}")
    interface = {
        "version": 3,
        "data": (tensor.data + tensor.byte_offset, not writable),
        "typestr": dtype.str,
        "shape": shape,
        "strides": strides,
    }
    return np.asarray(_Borrowed(capsule, interface))


def _bfloat16() -> np.dtype[Any]:
    """The dtype of bfloat16 if the package that defines it is there, else 16 bare bits."""
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(np.uint16)
    dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return dtype


def from_dlpack(name: str, value: Any) -> tuple[npt.NDArray[Any], bool]:
    """An array over the memory of an object with ``__dlpack__``, and whether it holds bfloat16.

    The array is writable only if the object says that its memory is (DLPack 1.0). bfloat16 without
    the package ml_dtypes comes as uint16.
    """
    device, index = _asked(name, _place, value)
    if device not in (_CPU, _CUDA_HOST, _ROCM_HOST):
        where = f"{_DEVICES.get(device, f'device type {device}')}:{index}"
        raise _unusable(name, f"it lies on {where}; it must be in the CPU's memory")
    capsule = _asked(name, _capsule, value)
    tensor, writable = _tensor(name, capsule)

    if tensor.lanes != 1 or tensor.bits % 8 or tensor.code not in _KINDS:
        raise _unusable(name, "its element type has no NumPy dtype")
    try:
        dtype = np.dtype(f"{_KINDS[tensor.code]}{tensor.bits // 8}")
    except TypeError:
        raise _unusable(name, f"its elements are floats of {tensor.bits} bits") from None
    try:
        array = _array(capsule, tensor, dtype, writable)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise _unusable(name, f"it is no tensor in memory: {error}") from error
    if tensor.code == _BFLOAT:
        return array.view(_bfloat16()), True
    return array, False

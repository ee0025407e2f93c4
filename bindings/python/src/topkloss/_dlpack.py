"""Reads DLPack capsules as NumPy arrays, bfloat16 among them, which NumPy itself cannot read."""

from __future__ import annotations

import ctypes
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


def _unusable(name: str, reason: str) -> TopKLossError:
    return TopKLossError(f"{name} cannot be read: {reason}", "TOPKLOSS_ERROR_ENUMERATOR")


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
    device, index = value.__dlpack_device__()
    if device not in (_CPU, _CUDA_HOST, _ROCM_HOST):
        where = f"{_DEVICES.get(int(device), f'device type {int(device)}')}:{index}"
        raise _unusable(name, f"it lies on {where}; it must be in the CPU's memory")
    try:
        capsule = _capsule(value)
    except (BufferError, RuntimeError) as error:
        raise _unusable(name, str(error)) from error
    tensor, writable = _tensor(name, capsule)

    if tensor.lanes != 1 or tensor.bits % 8 or tensor.code not in _KINDS:
        raise _unusable(name, "its element type has no NumPy dtype")
    try:
        dtype = np.dtype(f"{_KINDS[tensor.code]}{tensor.bits // 8}")
    except TypeError:
        raise _unusable(name, f"its elements are floats of {tensor.bits} bits") from None
    shape = tuple(tensor.shape[: tensor.ndim])
    if 0 in shape:
        array = np.empty(shape, dtype)
    else:
        strides = None  # contiguous
        if tensor.strides:
            strides = tuple(stride * dtype.itemsize for stride in tensor.strides[: tensor.ndim])
        array = np.asarray(
            _Borrowed(
                capsule,
                {
                    "version": 3,
                    "data": (tensor.data + tensor.byte_offset, not writable),
                    "typestr": dtype.str,
                    "shape": shape,
                    "strides": strides,
                },
            )
        )
    if tensor.code == _BFLOAT:
        return array.view(_bfloat16()), True
    return array, False

"""Where an array's memory lies, asked for in the fastest of NumPy's documented ways."""

from __future__ import annotations

import ctypes
from ctypes import c_char, c_int, c_void_p
from typing import Any, ClassVar

import numpy.typing as npt


class _ArrayInterface(ctypes.Structure):
    """What the capsule ``array.__array_struct__`` holds (NumPy's array interface, C side)."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("two", c_int),
        ("nd", c_int),
        ("typekind", c_char),
        ("itemsize", c_int),
        ("flags", c_int),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("data", c_void_p),
        ("descr", c_void_p),
    ]


_at = _ArrayInterface.from_address
_get_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_void_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def address(array: npt.NDArray[Any]) -> int:
    """Address of the first element; ``array.ctypes.data`` takes several times as long."""
    capsule = array.__array_struct__
    # NumPy hands out pointers that are not NULL, even for arrays without elements.
    data: int = _at(_get_pointer(capsule, None)).data
    return data

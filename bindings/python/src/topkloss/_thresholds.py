"""Thresholds on scores, as the library takes them: one number, or one for each class."""

from __future__ import annotations

from ctypes import sizeof
from typing import Any

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import class_vector, number
from topkloss._arrays import FloatVector


def _is_vector(value: Any) -> bool:
    """Whether there is one for each class; what is neither is for `number` to refuse."""
    shape = getattr(value, "shape", None)
    if shape is None:
        return hasattr(value, "__len__") and not isinstance(value, (str, bytes))
    return len(shape) > 0


def read_threshold(value: Any) -> float | FloatVector:
    """A caller's threshold: a number as it is, else a read-only float64 copy."""
    if _is_vector(value):
        return class_vector("threshold", value)
    return value if isinstance(value, float) else number("threshold", value)


def threshold_struct(threshold: float | FloatVector, ties: int = -1) -> _abi.threshold:
    """The struct, which points to the vector that is to be kept until the call is over."""
    if isinstance(threshold, float):
        return _abi.threshold(sizeof(_abi.threshold), threshold, ties)
    struct = _abi.threshold(sizeof(_abi.threshold), 0.0, -1, len(threshold))
    struct.class_values = address(threshold)
    return struct

"""Constructor arguments: checked where C types could not hold them, and made immutable.

The names are those of the members of the C options, whose ranges the library checks itself. Here
goes only what ctypes would hide: it cuts integers that are too large to their lowest bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from topkloss import _abi
from topkloss._arrays import FloatVector, numbers
from topkloss.errors import TopKLossError

REDUCTIONS = {
    "mean": _abi.TOPKLOSS_MEAN,
    "sum": _abi.TOPKLOSS_SUM,
    "none": _abi.TOPKLOSS_NONE,
}
ESTIMATORS = {"monte_carlo": _abi.TOPKLOSS_MONTE_CARLO}
AVERAGES = {"micro": _abi.TOPKLOSS_MICRO, "macro": _abi.TOPKLOSS_MACRO}


def integer(name: str, value: Any, *, bits: int = 64, signed: bool = True) -> int:
    """A Python integer that fits a C integer of so many bits."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TopKLossError(
            f"{name} is {value!r}; it must be an integer", "TOPKLOSS_ERROR_OPTION"
        ) from None
    least = -(1 << (bits - 1)) if signed else 0
    most = (1 << (bits - 1 if signed else bits)) - 1
    if not least <= number <= most:
        raise TopKLossError(
            f"{name} is {number}; it must be from {least} to {most}", "TOPKLOSS_ERROR_OPTION"
        )
    return number


def number(name: str, value: Any) -> float:
    """A float; infinities and NaN go through, for the library to refuse them."""
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise TopKLossError(
            f"{name} is {value!r}; it must be a finite number", "TOPKLOSS_ERROR_OPTION"
        ) from None


def class_vector(name: str, value: Any) -> FloatVector:
    """A read-only float64 copy of one number for each class."""
    array = numbers(name, value)
    if array.ndim != 1:
        raise TopKLossError(
            f"{name} has shape {array.shape}; it must have one dimension, the classes",
            "TOPKLOSS_ERROR_SIZE",
        )
    vector = np.array(array, dtype=np.float64)
    vector.flags.writeable = False
    return vector


def choice(name: str, value: Any, choices: Mapping[str, int]) -> int:
    """The enumerator that a word stands for."""
    code = choices.get(value) if isinstance(value, str) else None
    if code is None:
        allowed = " or ".join(map(repr, choices))
        raise TopKLossError(
            f"{name} is {value!r}; it must be {allowed}", "TOPKLOSS_ERROR_ENUMERATOR"
        )
    return code


def _word(choices: Mapping[str, int]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        choice(name, value, choices)
        return str(value)

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TopKLossError(
            f"{name} is {value!r}; it must be True or False", "TOPKLOSS_ERROR_OPTION"
        )
    return bool(value)


def _unsigned(name: str, value: Any) -> int:
    return integer(name, value, signed=False)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "reduction": _word(REDUCTIONS),
    "estimator": _word(ESTIMATORS),
    "check_finite": _flag,
    "ignore_index": integer,
    "class_counts": class_vector,
    "class_weight": class_vector,
    "k": integer,
    "n_samples": integer,
    "seed": _unsigned,
}


_MAY_BE_NONE = {"class_counts", "class_weight", "max_margin"}


def checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a loss, each in its own type. Those without a check here are numbers."""
    values = {}
    for name, value in arguments.items():
        check: Callable[[str, Any], Any] = _CHECKS.get(name, number)
        left_out = value is None and name in _MAY_BE_NONE
        values[name] = None if left_out else check(name, value)
    return values

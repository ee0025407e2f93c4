"""Constructor arguments: checked where C types could not hold them, and made immutable.

The names are those of the members of the C options, whose ranges the library checks itself. Here
goes only what ctypes would hide: it cuts integers that are too large to their lowest bits.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._arrays import FloatVector, numbers
from topkloss.errors import TopKLossError

Check: TypeAlias = Callable[[str, Any], Any]

Unsigned: TypeAlias = int
"""An option of 64 bits without a sign."""

# The options that are words, by their names: what each word is to the library.
WORDS: dict[str, Mapping[str, int]] = {
    "reduction": {
        "mean": _abi.TOPKLOSS_MEAN,
        "sum": _abi.TOPKLOSS_SUM,
        "none": _abi.TOPKLOSS_NONE,
    },
    "estimator": {"monte_carlo": _abi.TOPKLOSS_MONTE_CARLO, "exact": _abi.TOPKLOSS_EXACT},
    "class_reduction": {"sum": _abi.TOPKLOSS_CLASS_SUM, "mean": _abi.TOPKLOSS_CLASS_MEAN},
    "method": {
        "an": _abi.TOPKLOSS_ASSUME_NEGATIVE,
        "wan": _abi.TOPKLOSS_WEAK_ASSUME_NEGATIVE,
        "epr": _abi.TOPKLOSS_EXPECTED_POSITIVE,
    },
}
TEACHERS = {"rank": _abi.TOPKLOSS_RANK_TEACHER, "power": _abi.TOPKLOSS_POWER_TEACHER}
RULES = {"argmax": _abi.TOPKLOSS_ARGMAX, "nearest": _abi.TOPKLOSS_NEAREST_TEACHER}
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


def number_or_none(name: str, value: Any) -> float | None:
    """The same, or None. NaN does not go through: to the library it is what None is here."""
    if value is None:
        return None
    given = number(name, value)
    if math.isnan(given):
        raise TopKLossError(f"{name} is nan; it must be a finite number", "TOPKLOSS_ERROR_OPTION")
    return given


def class_vector(name: str, value: Any) -> FloatVector:
    """A read-only float64 copy of one number for each class."""
    if isinstance(value, Mapping):
        raise TopKLossError(
            f"{name} is a {type(value).__name__}, whose order is not that of the classes: give "
            f"one number for each class, as in [{name}[c] for c in range(C)]",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    # As value_counts() of pandas has it: from the most frequent class to the rarest.
    labels: Any = getattr(value, "index", None)
    if getattr(labels, "is_monotonic_increasing", True) is False and labels.dtype.kind in "iu":
        raise TopKLossError(
            f"{name} has an index that is not in the order of the classes: use "
            f"{name}.sort_index(), or reindex(range(C), fill_value=0) where some are missing",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    array = numbers(name, value)
    if array.ndim != 1:
        raise TopKLossError(
            f"{name} has shape {array.shape}; it must have one dimension",
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


def optional(check: Check) -> Check:
    """A check that lets None through: the option is left out."""
    return lambda name, value: None if value is None else check(name, value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TopKLossError(
            f"{name} is {value!r}; it must be True or False", "TOPKLOSS_ERROR_OPTION"
        )
    return bool(value)


def _word(name: str, value: Any) -> str:
    choice(name, value, WORDS[name])
    return str(value)


def _teacher(name: str, value: Any) -> str | FloatVector:
    if isinstance(value, str):
        choice(name, value, TEACHERS)
        return value
    return class_vector(name, value)


def _unsigned(name: str, value: Any) -> int:
    return integer(name, value, signed=False)


_CHECKS: dict[str, Check] = {
    "float": number,
    "float | None": number_or_none,
    "int": integer,
    "Unsigned": _unsigned,
    "bool": flag,
    "Vector": class_vector,
    "OptionalVector": optional(class_vector),
    "Teacher": _teacher,
}


def check_of(name: str, kind: str) -> Check:
    """How an option of a type, as the source names it, is checked."""
    return _word if name in WORDS else _CHECKS[kind]


class Binding:
    """What a call's arguments are to its parameters, as `Signature.bind` has it, in less time.

    Attributes:
        signature: The parameters.
    """

    def __init__(self, parameters: Iterable[inspect.Parameter]) -> None:
        self.signature = inspect.Signature([*parameters])
        every = self.signature.parameters.values()
        self._defaults = {each.name: each.default for each in every}
        self._by_position = [each.name for each in every if each.kind is not each.KEYWORD_ONLY]

    def __call__(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name, in the order of the parameters."""
        placed = dict(zip(self._by_position, arguments, strict=False))
        found = {**self._defaults, **placed, **named}
        empty = inspect.Parameter.empty
        if (
            len(placed) != len(arguments)
            or len(found) != len(self._defaults)
            or any(value is empty for value in found.values())
            or placed.keys() & named.keys()
        ):
            self.signature.bind(*arguments, **named)  # which says what is wrong
        return found

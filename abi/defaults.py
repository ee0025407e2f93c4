"""Defaults, as the documentation of members states them.

A default is a sentence of its own, ``Default 0.5.``, with a number, NULL or a constant of the
header; ``No default.`` where the caller has to say. Members of options have exactly one of the two.
NaN is a number that depends on other members: the documentation says how.
Members of other structs may have none: they are zero.
"""

from __future__ import annotations

import re

from abi.errors import HeaderError
from abi.model import Type

_SENTENCE = re.compile(r"(?:^|(?<=[.)]\s))(No default|Default (\S+))\.(?=\s|$)")
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?|NaN")

Default = int | float | str | None


def default_of(
    place: str, type_: Type, doc: str, constants: dict[str, int], *, must: bool
) -> Default:
    """The default that the documentation of a member states."""
    words = re.findall(r"default", doc, re.IGNORECASE)
    found = list(_SENTENCE.finditer(doc))
    if not words and not must:
        return 0.0 if type_ == Type("double") else 0
    if len(words) != 1 or len(found) != 1:
        raise HeaderError(f"{place}: say once 'Default X.' or 'No default.', not: {doc!r}")
    stated = found[0][2]
    return None if stated is None else _value(place, type_, stated, constants)


def _value(place: str, type_: Type, stated: str, constants: dict[str, int]) -> Default:
    """The value of the right type that a text stands for."""
    if type_.pointers:
        if stated != "NULL":
            raise HeaderError(f"{place}: the default of a pointer is NULL, not {stated}")
        return 0
    if type_.name == "double":
        if not _NUMBER.fullmatch(stated):
            raise HeaderError(f"{place}: {stated} is no number")
        return float(stated)
    if stated in constants:
        return stated
    if not _INTEGER.fullmatch(stated):
        raise HeaderError(f"{place}: {stated} is neither a whole number nor a constant")
    return int(stated)

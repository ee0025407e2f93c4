"""Docstrings put together from what each class says of its own parameters, and nobody says twice.

A docstring is a text and sections, as Google's style has them: a heading and what is indented under
it. The entries of ``Args`` begin with a name and a colon.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping

_HEADING = re.compile(r"^(Args|Attributes|Raises|Returns):\n", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


def sections(described: type) -> dict[str, str]:
    """What a class's own docstring says: the text under "", and each section under its heading."""
    written = inspect.cleandoc(described.__dict__.get("__doc__") or "")
    text, *rest = _HEADING.split(written)
    return {"": text.strip(), **dict(zip(rest[::2], map(str.rstrip, rest[1::2]), strict=True))}


def entries(section: str) -> dict[str, str]:
    """What a section says of each name, without the name: lines as they are."""
    _, *rest = _ENTRY.split(section)
    return dict(zip(rest[::2], map(str.rstrip, rest[1::2]), strict=True))


def parameters_of(described: type) -> dict[str, str]:
    """What a class and its bases say of their parameters, the nearest of them first."""
    found: dict[str, str] = {}
    for owner in described.__mro__:
        for name, text in entries(sections(owner).get("Args", "")).items():
            found.setdefault(name, text)
    return found


def docstring(text: str, parameters: Mapping[str, str], rest: Iterable[tuple[str, str]]) -> str:
    """A docstring of a text, an entry for each parameter, and other sections."""
    described = "\n".join(f"    {name}: {said}" for name, said in parameters.items())
    every = [("Args", described), *rest]
    return "\n\n".join([text, *(f"{heading}:\n{said}" for heading, said in every)]) + "\n"

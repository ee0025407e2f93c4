"""The reference page of topkloss.hpp: what its headers say of themselves, after three slashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_INTERNAL = re.compile(r"^namespace detail \{.*?^\}  // namespace detail$", re.M | re.S)
_DOCUMENTED = re.compile(r"((?:^ *///.*\n)+)((?:^(?! *///).*\n)+?)(?=\s*(?:///|$|\Z))", re.M)
_GENERATED = ("losses.hpp", "options.hpp", "enumerators.hpp")
"""Made from topkloss.h, whose page has their members."""


class Declaration(NamedTuple):
    """What is declared, and what is said of it."""

    text: str
    doc: str
    is_member: bool


def _declared(text: str) -> str:
    """Without a body: a class's name, a variable, a function's head."""
    one_line = " ".join(text.split())
    if re.match(r"(template <.*?> )?(class|struct|enum)\b", one_line):
        return one_line.partition("{")[0].strip()
    if "(" not in one_line.partition("=")[0]:
        return one_line.partition(";")[0]
    depth = 0
    for place, character in enumerate(one_line):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            qualifiers = re.match(r"\) ?(const)? ?(noexcept)?", one_line[place:])
            return one_line[:place] + (qualifiers[0].rstrip() if qualifiers else ")")
    return one_line


def _declarations(text: str) -> Iterator[Declaration]:
    for doc, code in _DOCUMENTED.findall(_INTERNAL.sub("", text)):
        said = " ".join(line.strip().removeprefix("///").strip() for line in doc.splitlines())
        yield Declaration(_declared(code), said, code.startswith(" "))


def page(include: Path) -> str:
    """The page, of topkloss.hpp and the headers beside it."""
    main = (include / "topkloss.hpp").read_text()
    opening = main.partition("#ifndef")[0]
    prose = "\n".join(line.removeprefix("//").removeprefix(" ") for line in opening.splitlines())
    written = ["# topkloss.hpp", re.sub(r"^ {2}(?=[^ -])", "    ", prose, flags=re.M)]
    for name in re.findall(r'#include "topkloss/(.*)"', main):
        found = [*_declarations((include / "topkloss" / name).read_text())]
        if name in _GENERATED:
            found = [each for each in found if not each.is_member]
        if found:
            written += [f"## {name}", *map(_entry, found)]
    return "\n\n".join(written) + "\n"


def _entry(declaration: Declaration) -> str:
    doc = re.sub(r"[<$|]", r"\\\g<0>", declaration.doc)
    if declaration.is_member:
        return f"- `{declaration.text}`  \n  {doc}"
    return f"```cpp\n{declaration.text};\n```\n\n{doc}"

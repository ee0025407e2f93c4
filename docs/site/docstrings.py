"""Docstrings as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from formulas import GREEK, NotAFormulaError, tex

_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes|Note|Example)s?:$")
_LITERAL = re.compile(r"(``.*?``|`[^`]*`)", re.S)
LONG = 60
"""Of TeX: a formula that gets a line of its own."""

_HEADINGS = ("To tune", "What goes wrong", "Not for")
_CITATION = re.compile(r'[A-Z][^"]*,\s"[^"]+",\s[^"]*\b20\d\d\b')

_WORDS = {"alpha", "epsilon", "k", "margin", "noise", "power", "reduction", "scale", "step"}
"""Options that are words of mathematics, or of English, besides."""


def with_code_blocks(lines: list[str]) -> list[str]:
    """What is indented in a docstring is code, and has to be said so."""
    made: list[str] = []
    for number, line in enumerate(lines):
        before = next((one for one in reversed(made) if one), "")
        starts = number and not lines[number - 1] and line.startswith("    ")
        if starts and not before.startswith(" ") and not _SECTION.match(before):
            made += ["::", ""]
        made.append(line if line.startswith("    ") else _plain(line))
    return made


def _plain(text: str) -> str:
    """Outside code, bars are absolute values, and Pl@ntNet is no address."""
    parts = _LITERAL.split(text)
    parts[::2] = [re.sub("[|@]", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def _typeset(text: str, options: Collection[str]) -> str:
    """Formulas among the literals as mathematics, options as code, Greek letters as such."""

    def formula(match: re.Match[str]) -> str:
        try:
            written = tex(match[1])
        except NotAFormulaError:
            return match[0]
        # On a line of its own it takes along the comma that follows.
        inside, outside = (match[2], "") if len(written) > LONG else ("", match[2])
        return f":math:`{written}{inside}`{outside}"

    def word(match: re.Match[str]) -> str:
        return f"``{match[0]}``" if match[0] in options else GREEK.get(match[0], match[0])

    found = _LITERAL.split(_plain(text))
    found[::2] = [re.sub(r"(?<![\w-])\w+(?![\w-])", word, each) for each in found[::2]]
    return re.sub(r"``(.*?)``([,.;:]?)", formula, "".join(found), flags=re.S)


def parts(doc: str, options: Iterable[str]) -> dict[str, str]:
    """What a loss's docstring says before its sections, as reStructuredText, formulas typeset.

    Args:
        doc: The docstring.
        options: Names of the loss's arguments.

    Returns:
        The description under "", the papers under "Source", and what begins with a heading.
    """
    found = {"": "", "Source": "", **dict.fromkeys(_HEADINGS, "")}
    names = {*options} - _WORDS
    for paragraph in doc.partition("\n\nArgs:\n")[0].split("\n\n"):
        heading, colon, rest = paragraph.partition(": ")
        if colon and heading in _HEADINGS:
            first = re.match(r"\w+", rest)
            is_name = first is not None and first[0] in names
            found[heading] = _typeset(rest if is_name else rest[0].upper() + rest[1:], names)
        elif _CITATION.match(paragraph):
            found["Source"] += paragraph + "\n\n"
        else:
            found[""] += _typeset(paragraph, names) + "\n\n"
    return found

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

_NOT_TUNED = {"estimator", "k", "method", "noise", "reduction", "step"}
_WORDS = {*_NOT_TUNED, *GREEK, "margin", "power", "scale"}
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


def _formula(text: str, after: str, otherwise: str) -> str:
    try:
        written = tex(text)
    except NotAFormulaError:
        return otherwise
    # On a line of its own it takes along the comma that follows.
    inside, outside = (after, "") if len(written) > LONG else ("", after)
    return f":math:`{written}{inside}`{outside}"


def _typeset(text: str, options: Collection[str]) -> str:
    """Formulas among the literals as mathematics, options as code, Greek letters as such."""

    def word(match: re.Match[str]) -> str:
        said = match[0]
        if said in options:
            return f"``{said}``"
        return _formula(said, "", said) if "_" in said else GREEK.get(said, said)

    found = _LITERAL.split(
        re.sub(
            r"``(.*?)``([,.;:]?)",
            lambda match: _formula(match[1], match[2], match[0]),
            _plain(text),
            flags=re.S,
        )
    )
    found[::2] = [re.sub(r"(?<![\w-])\w+(?![\w-])", word, each) for each in found[::2]]
    return "".join(found)


def parts(doc: str, options: Iterable[str]) -> dict[str, str]:
    """What a loss's docstring says before its sections, as reStructuredText, formulas typeset.

    Args:
        doc: The docstring.
        options: Names of the loss's arguments.

    Returns:
        The description under "", the papers under "Source", and what begins with a heading.
    """
    found = {"": "", "Source": "", **dict.fromkeys(_HEADINGS, "")}
    names = {*options}
    for paragraph in doc.partition("\n\nArgs:\n")[0].split("\n\n"):
        heading, colon, rest = paragraph.partition(": ")
        if colon and heading in _HEADINGS:
            words = names - _NOT_TUNED
            is_name = re.split(r"\W", rest)[0] in words
            found[heading] = _typeset(rest if is_name else rest[0].upper() + rest[1:], words)
        elif _CITATION.match(paragraph):
            found["Source"] += paragraph + "\n\n"
        else:
            found[""] += _typeset(paragraph, names - _WORDS) + "\n\n"
    return found

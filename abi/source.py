"""The header's text: its comments apart from its declarations."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENT = re.compile(r"/\*(\*?)(.*?)\*/", re.DOTALL)
_ONLY_CXX = re.compile(r"^#ifdef __cplusplus\n.*?^#endif\n", re.DOTALL | re.MULTILINE)
_CONDITIONAL = re.compile(r"^#if defined\(__GNUC__\).*?^#endif\n", re.DOTALL | re.MULTILINE)
_DIRECTIVE = re.compile(r"^#.*$", re.MULTILINE)

# The types of the standard headers, for machines with pointers of 64 bits.
_STANDARD = (
    "typedef unsigned long size_t; typedef int int32_t; typedef long int64_t; "
    "typedef unsigned long uint64_t; "
)


@dataclass(frozen=True)
class Source:
    """A header's text as a parser of C takes it, and its documentation."""

    declarations: str
    docs: dict[int, str]
    """Text of documentation comments, by the line that follows their last."""
    macros: dict[str, tuple[str, str]]
    """What macros stand for, and their documentation."""


def _blank(match: re.Match[str]) -> str:
    """As many lines, with nothing on them."""
    return "\n" * match[0].count("\n")


def _plain(comment: str) -> str:
    """The text of a comment without the stars at its margin."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.strip().split("\n")]
    return "\n".join(lines).strip()


def read(text: str, included: str = "") -> Source:
    """Takes a header apart, with declarations of what it includes."""
    docs = {}
    for match in _COMMENT.finditer(text):
        if match[1]:
            docs[text.count("\n", 0, match.end()) + 2] = _plain(match[2])
    bare = _COMMENT.sub(_blank, text)
    macros = {}
    for match in re.finditer(r"^#define (TOPKLOSS_\w+) (.+)$", bare, re.MULTILINE):
        line = bare.count("\n", 0, match.start()) + 1
        macros[match[1]] = (match[2].strip(), docs.get(line, ""))
    for pattern in (_ONLY_CXX, _CONDITIONAL, _DIRECTIVE):
        bare = pattern.sub(_blank, bare)
    declarations = f"{_STANDARD}{included}\n#line 1\n" + bare.replace("TOPKLOSS_API ", "")
    return Source(declarations, docs, macros)


def without_comments(text: str) -> str:
    """The same header with its declarations alone."""
    bare = _COMMENT.sub("", text)
    lines = [line.rstrip() for line in bare.split("\n")]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"

"""Names and sentences of the header, as other languages write them."""

from __future__ import annotations

import re
import textwrap

from abi.model import CONSTANT_PREFIX, PREFIX, Enumeration

# What is written in capitals inside a name.
_CAPITALS = {"ldam": "LDAM", "elm": "ELM", "topk": "TopK", "svm": "SVM", "mse": "MSE"}


def camel(name: str) -> str:
    """A name in camel case: topkloss_topk_hinge is TopKHinge."""
    words = name.removeprefix(PREFIX).split("_")
    return "".join(_CAPITALS.get(word, word.capitalize()) for word in words)


def enumerators(enumeration: Enumeration) -> dict[str, str]:
    """The enumerators' names in C by their short ones, without a word that all begin with."""
    names = [constant.name.removeprefix(CONSTANT_PREFIX) for constant in enumeration.constants]
    first = {name.partition("_")[0] for name in names}
    start = len(first.pop()) + 1 if len(first) == 1 else 0
    return {
        name[start:].lower(): constant.name
        for name, constant in zip(names, enumeration.constants, strict=True)
    }


def title(doc: str) -> str:
    """What a documentation begins with, up to the first colon or full stop."""
    text = " ".join(doc.split())
    match = re.match(r"(.*?)[.:](?=\s|$)", text)
    return f"{match[1] if match else text}."


def without_default(doc: str) -> str:
    """A documentation on one line, without what it says of the default."""
    text = " ".join(doc.split())
    return re.sub(r"(^| )Default \S+\.(?= |$)", "", text).strip()


def comment(mark: str, text: str, indent: int, width: int) -> list[str]:
    """Lines of a comment, each beginning with a mark."""
    start = " " * indent + mark + " "
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
    )

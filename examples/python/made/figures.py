"""What the recipes print, for their tests."""

from __future__ import annotations

import re
from typing import NamedTuple


class Figures(NamedTuple):
    """How a training went: the loss in the beginning and in the end, and the accuracy by class."""

    first: float
    last: float
    class_average: float


def figures(printed: str) -> dict[str, Figures]:
    """The figures of every loss, by its name."""
    lines = re.findall(
        r"^(.+): loss (\S+) to (\S+), class average (\S+)$", printed, flags=re.MULTILINE
    )
    return {name: Figures(*map(float, numbers)) for name, *numbers in lines}

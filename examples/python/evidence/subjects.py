"""The data that the losses are judged on, each of them split once into three parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = Any
"""N inputs: a sparse matrix (N, V) of n-grams, or images (N, height, width) of bytes."""


@dataclass(frozen=True)
class Part:
    """Some of the rows."""

    inputs: Rows

    labels: NDArray[np.int64]
    """(N,)."""

    ambiguous: NDArray[np.bool_]
    """(N,): whether more than one class is right as far as the input tells."""


@dataclass(frozen=True)
class Subject:
    """Rows to learn from, to choose constants and thresholds by, and to report figures of."""

    classes: int
    epochs: int
    batch_size: int
    training: Part
    validation: Part
    test: Part

    def counts(self) -> NDArray[np.int64]:
        """Training rows a class, shape (C,)."""
        return np.bincount(self.training.labels, minlength=self.classes)


def _geonames(quick: bool) -> Subject:
    from names import cities

    return cities(quick)


def _taxonomy(quick: bool) -> Subject:
    from names import genera

    return genera(quick)


def _fonts(quick: bool) -> Subject:
    from glyphs import glyphs

    return glyphs(quick)


SUBJECTS: Mapping[str, tuple[str, Callable[[bool], Subject]]] = {
    "geonames": ("Country of a city, from its name", _geonames),
    "taxonomy": ("Order of a genus, from its name", _taxonomy),
    "fonts": ("Letter, from a font that was not seen", _fonts),
}
"""By name: what is asked, and the data."""


@cache
def subject(name: str, quick: bool) -> Subject:
    """The data of that name. quick: less of them."""
    return SUBJECTS[name][1](quick)

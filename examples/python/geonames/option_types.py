"""What options accept: types for argparse, of this program and of the examples beside it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

LARGEST_SEED = 2**32 - 1
"""Of NumPy's and scikit-learn's generators."""


def whole_number_from(least: int, most: float = math.inf) -> Callable[[str], int]:
    """Makes the type of a whole number from one limit to the other."""

    def whole_number(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            limit = "" if math.isinf(most) else f" and at most {most}"
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {least}{limit}, got {text!r}"
            )
        return number

    return whole_number


positive_number = whole_number_from(1)

seed_number = whole_number_from(0, LARGEST_SEED)

fold_number = whole_number_from(2)
"""How many parts cross-validation makes."""


def share_number(text: str) -> float:
    """A number above 0 and at most 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, got {text!r}")
    return number


def city_name(text: str) -> str:
    """A name with something in it."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected the name of a city, got an empty one")
    return text.strip()

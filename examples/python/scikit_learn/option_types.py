"""Types of this example's options."""

from __future__ import annotations

import argparse
import math

LARGEST_SEED = 2**32 - 1
"""Of NumPy's and scikit-learn's generators."""


def _whole(text: str, least: int, most: float = math.inf) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        limit = "" if math.isinf(most) else f" and at most {most:g}"
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at least {least}{limit}, got {text!r}"
        )
    return number


def fold_number(text: str) -> int:
    """A whole number of at least 2."""
    return _whole(text, 2)


def seed_number(text: str) -> int:
    """A whole number that seeds a generator."""
    return _whole(text, 0, LARGEST_SEED)


def share_number(text: str) -> float:
    """A number above 0 and at most 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, got {text!r}")
    return number

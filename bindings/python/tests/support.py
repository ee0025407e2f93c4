"""Types, shapes, tolerances, and what all tests compare with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import topkloss
from topkloss import TopKLossError

Array = np.ndarray[Any, np.dtype[Any]]

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
FLOAT16 = np.dtype(np.float16)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (FLOAT32, FLOAT64, FLOAT16, BFLOAT16)

# Below, around and above the widths of vectors of 4, 8 and 16 lanes, and of pieces of long rows.
SHAPES = (
    *[(1, 1), (2, 2), (3, 3), (5, 7), (4, 15), (4, 16), (4, 17), (3, 31), (3, 33)],
    *[(7, 100), (5, 1000), (3, 4097), (2, 100_003)],
)


@pytest.fixture(autouse=True)
def default_threads() -> Iterator[None]:
    """As many threads after each test of a module as before."""
    yield
    topkloss.set_num_threads(0)


def long_tail(classes: int, rng: np.random.Generator) -> Array:
    """Counts of classes from 5000 down to a few, in no particular order."""
    return rng.permutation(np.ceil(5000 / (1 + np.arange(classes)) ** 1.2))


def ulp(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """Distance between neighbours of the dtype at each number."""
    info = ml_dtypes.finfo(dtype)
    exponent = np.floor(np.log2(np.maximum(np.abs(numbers), float(info.smallest_normal))))
    return np.exp2(exponent - info.nmant)


def stored(expected: Array, dtype: np.dtype[Any]) -> Array:
    """The numbers in float64, infinite where the dtype has none so large."""
    expected = np.asarray(expected, np.float64)
    largest = float(ml_dtypes.finfo(dtype).max)
    return np.where(np.abs(expected) > largest, np.copysign(np.inf, expected), expected)


def bar(dtype: np.dtype[Any]) -> float:
    """The relative error that a loss may have, before its result is stored. See docs/exact.md."""
    return 1e-10 if dtype == FLOAT64 else 3e-6


# As docs/exact.md has them: of the noise, against its second implementation; of `linear_loss` in
# chunks, against all scores at once.
NOISE_BARS = {"rtol": 2e-6, "atol": 1e-6}
LINEAR_BARS = {FLOAT64: {"rtol": 1e-9, "atol": 1e-12}, FLOAT32: {"rtol": 1e-5, "atol": 1e-6}}


def gradient_tolerance(expected: Array, dtype: np.dtype[Any], looser: float = 1.0) -> Array:
    """Absolute, for each entry: of the arithmetic, and of one rounding to the storage type."""
    finite = np.abs(expected[np.isfinite(expected)])
    largest = float(finite.max(initial=1.0 if looser > 1 else 0.0))
    arithmetic = np.full(expected.shape, looser * bar(dtype) * largest)
    if dtype in (FLOAT32, FLOAT64):
        return arithmetic
    return arithmetic + ulp(np.where(np.isfinite(expected), expected, 0.0), dtype)


def assert_gradient(
    actual: Array, expected: Array, dtype: np.dtype[Any], looser: float = 1.0
) -> None:
    assert actual.shape == expected.shape
    assert actual.dtype == dtype
    actual, expected = actual.astype(np.float64), stored(expected, dtype)
    numbers = np.isfinite(expected)
    assert np.array_equal(actual[~numbers], expected[~numbers], equal_nan=True)
    allowed = gradient_tolerance(expected, dtype, looser)
    excess = np.abs(actual[numbers] - expected[numbers]) - allowed[numbers]
    assert excess.max(initial=0.0) <= 0, f"gradient is off by {excess.max():g} more than allowed"


def assert_value(actual: Any, expected: Any, dtype: np.dtype[Any], looser: float = 1.0) -> None:
    """Values relative to themselves, or to 1 where they are smaller.

    Single values are float64 whatever the storage type; values of rows are rounded to it.
    """
    tolerance = looser * bar(dtype)
    expected = np.asarray(expected, np.float64)
    allowed = tolerance * np.maximum(1, np.abs(np.where(np.isfinite(expected), expected, 0)))
    if isinstance(actual, np.ndarray):
        assert actual.dtype == dtype
        expected = stored(expected, dtype)
        if dtype in (FLOAT16, BFLOAT16):
            allowed = allowed + ulp(np.where(np.isfinite(expected), expected, 0), dtype)
    else:
        assert type(actual) is float
    actual = np.asarray(actual).astype(np.float64)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    assert np.array_equal(actual[~finite], expected[~finite], equal_nan=True)
    assert np.all(np.abs(actual[finite] - expected[finite]) <= allowed[finite]), (actual, expected)


def bits(array: Any) -> bytes:
    """A number's or an array's bytes in the order of its elements: what is compared to the bit."""
    return np.ascontiguousarray(array).tobytes()


def refuses(
    statuses: str, words: Sequence[Any], function: Callable[..., Any], *args: Any, **options: Any
) -> None:
    """The call fails with one of the statuses, and with a message that has all the words."""
    with pytest.raises(TopKLossError) as caught:
        function(*args, **options)
    assert caught.value.status.removeprefix("TOPKLOSS_ERROR_") in statuses.split(), caught.value
    message = str(caught.value)
    for word in words:
        assert str(word) in message
    # Members of C's structs and its constants are no names of Python's.
    assert not re.search(
        r"\b(batch|options|result)\.|\bsoft_labels\b|\bNULL\b|TOPKLOSS_", message
    ), message

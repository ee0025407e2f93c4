"""The losses under test beside their references, batches to test them on, and tolerances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import reference

import topkloss

Array = np.ndarray[Any, np.dtype[Any]]

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
FLOAT16 = np.dtype(np.float16)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (FLOAT32, FLOAT64, FLOAT16, BFLOAT16)

# Below, around and above the widths of vectors of 4, 8 and 16 lanes, and far above.
SHAPES = (
    *[(1, 1), (2, 2), (3, 3), (5, 7), (4, 15), (4, 16), (4, 17), (3, 31), (3, 33)],
    *[(7, 100), (5, 1000), (2, 100_003)],
)


@dataclass(frozen=True)
class Member:
    """A member of the softmax-margin family: the loss, and what it is to the reference."""

    name: str
    loss: Callable[..., topkloss.CrossEntropyLoss]
    terms: Callable[[Array], dict[str, Any]]
    wants_cosines: bool = False

    def make(self, counts: Array, **options: Any) -> Any:
        return self.loss(counts, **options)

    def expect(self, counts: Array, logits: Array, labels: Array, **options: Any) -> Any:
        return reference.softmax_margin(logits, labels, **self.terms(counts), **options)

    def logits(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        if self.wants_cosines:
            return rng.uniform(-1, 1, shape).astype(dtype)
        return (3 * rng.standard_normal(shape)).astype(dtype)


def any_vectors(counts: Array) -> dict[str, Any]:
    """Options of the general member: vectors by class of no particular meaning."""
    counts = np.asarray(counts)
    return {
        "offset": np.cos(counts),
        "margin": np.sin(counts),
        "class_scale": np.exp(np.cos(3 * counts)),
        "scale": 2.5,
        "lam": -0.4,
    }


MEMBERS = (
    Member("cross_entropy", lambda _, **o: topkloss.CrossEntropyLoss(**o), lambda _: {}),
    Member(
        "logit_adjusted",
        topkloss.LogitAdjustedLoss,
        lambda counts: {"offset": np.log(reference.frequencies(counts))},
    ),
    Member(
        "logit_adjusted_tau",
        lambda counts, **o: topkloss.LogitAdjustedLoss(counts, tau=-0.7, **o),
        lambda counts: {"offset": -0.7 * np.log(reference.frequencies(counts))},
    ),
    Member(
        "ldam",
        topkloss.LDAMLoss,
        lambda counts: {"margin": reference.margins(counts, 0.5), "scale": 30.0},
        wants_cosines=True,
    ),
    Member(
        "elm",
        topkloss.ELMLoss,
        lambda counts: {"margin": reference.margins(counts, 0.5), "scale": 30.0, "lam": 1.0},
        wants_cosines=True,
    ),
    Member(
        "elm_half",
        lambda counts, **o: topkloss.ELMLoss(counts, max_margin=0.3, scale=10, lam=0.5, **o),
        lambda counts: {"margin": reference.margins(counts, 0.3), "scale": 10.0, "lam": 0.5},
        wants_cosines=True,
    ),
    Member(
        "vector_scaling",
        topkloss.VectorScalingLoss,
        lambda counts: {
            "class_scale": (counts / np.max(counts)) ** 0.3,
            "offset": np.log(reference.frequencies(counts)),
        },
    ),
    Member(
        "margin_softmax",
        lambda counts, **o: topkloss.MarginSoftmaxLoss(**any_vectors(counts), **o),
        lambda counts: any_vectors(counts),
        wants_cosines=True,
    ),
)
MEMBER_IDS = [member.name for member in MEMBERS]


def long_tail(classes: int, rng: np.random.Generator) -> Array:
    """Counts of classes from 5000 down to a few, in no particular order."""
    return rng.permutation(np.ceil(5000 / (1 + np.arange(classes)) ** 1.2))


def ulp(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """Distance between neighbours of the dtype at each number."""
    info = ml_dtypes.finfo(dtype)
    exponent = np.floor(np.log2(np.maximum(np.abs(numbers), float(info.smallest_normal))))
    return np.exp2(exponent - info.nmant)


def gradient_tolerance(expected: Array, dtype: np.dtype[Any], looser: float = 1.0) -> Array:
    """Absolute, for each entry: of the arithmetic, and of one rounding to the storage type."""
    finite = np.abs(expected[np.isfinite(expected)])
    largest = float(finite.max(initial=0.0))
    if dtype == FLOAT64:
        return np.full(expected.shape, looser * 1e-10 * largest)
    arithmetic = np.full(expected.shape, looser * 3e-6 * largest)
    if dtype == FLOAT32:
        return arithmetic
    return arithmetic + ulp(np.where(np.isfinite(expected), expected, 0.0), dtype)


def assert_gradient(
    actual: Array, expected: Array, dtype: np.dtype[Any], looser: float = 1.0
) -> None:
    assert actual.shape == expected.shape
    assert actual.dtype == dtype
    actual = actual.astype(np.float64)
    numbers = np.isfinite(expected)
    assert np.array_equal(actual[~numbers], expected[~numbers], equal_nan=True)
    allowed = gradient_tolerance(expected, dtype, looser)
    excess = np.abs(actual[numbers] - expected[numbers]) - allowed[numbers]
    assert excess.max(initial=0.0) <= 0, f"gradient is off by {excess.max():g} more than allowed"


def assert_value(actual: Any, expected: Any, dtype: np.dtype[Any], looser: float = 1.0) -> None:
    """Values relative to themselves, or to 1 where they are smaller.

    Single values are float64 whatever the storage type; values of rows are rounded to it.
    """
    tolerance = looser * (1e-10 if dtype == FLOAT64 else 3e-6)
    expected = np.asarray(expected, np.float64)
    allowed = tolerance * np.maximum(1, np.abs(np.where(np.isfinite(expected), expected, 0)))
    if isinstance(actual, np.ndarray):
        assert actual.dtype == dtype
        if dtype in (FLOAT16, BFLOAT16):
            allowed = allowed + ulp(np.where(np.isfinite(expected), expected, 0), dtype)
    else:
        assert type(actual) is float
    actual = np.asarray(actual).astype(np.float64)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    assert np.array_equal(actual[~finite], expected[~finite], equal_nan=True)
    assert np.all(np.abs(actual[finite] - expected[finite]) <= allowed[finite]), (actual, expected)


def bits(array: Array) -> bytes:
    """The array's bytes in the order of its elements, for comparisons to the last bit."""
    return np.ascontiguousarray(array).tobytes()

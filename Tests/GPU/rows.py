"""A family's row kernel on rows as they are stored: losses a row, and gradients of their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from device import PTX, Module
from evaluation import ELEMENTS, SHARED_BYTES, Batch, Step

Array = npt.NDArray[Any]
DTYPES = ("float32", "float16", "bfloat16")


def stored(numbers: npt.ArrayLike, dtype: str) -> Array:
    """Rows as a device holds them."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def widened(numbers: Array) -> Array:
    """What is stored, in float64."""
    return numbers.astype(np.float64)


@dataclass
class Rows:
    """A family's kernel on the emulator."""

    family: str
    describe: Callable[[Any], None]
    """Puts the loss into a call."""
    scratch: Callable[[int], int] = lambda _: 0
    """Bytes that a block has of its own, behind rows that are widened."""
    shared_bytes: int = SHARED_BYTES

    def __post_init__(self) -> None:
        self.module = Module(PTX / f"{self.family}.ptx")

    def run(
        self,
        logits: Array,
        labels: npt.ArrayLike | None,
        *,
        threads: int = 64,
        blocks: int = 2,
        order: int = 0,
        in_place: bool = False,
        wants_gradient: bool = True,
        sample_weight: npt.ArrayLike | None = None,
        upstream: npt.ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """Losses in float64, and the gradient as it is stored."""
        element = next(name for name, dtype in ELEMENTS.items() if dtype == logits.dtype)
        none = np.zeros(len(logits), np.int64)
        batch = Batch(
            widened(logits),
            none if labels is None else np.asarray(labels, np.int64),
            element,
            sample_weight=None if sample_weight is None else np.asarray(sample_weight, float),
            upstream=None if upstream is None else np.asarray(upstream, float),
            is_mean=False,
            in_place=in_place,
            gradient=wants_gradient,
            describe=self.describe,
        )
        found = batch.run(
            [Step(self.module, f"topk_{self.family}", shared_bytes=self.shared_bytes)],
            threads=threads,
            blocks=blocks,
            order=order,
            scratch_bytes=self.scratch(logits.shape[1]),
        )
        return found.rows, found.gradient.astype(logits.dtype)


def assert_close(found: npt.ArrayLike, expected: npt.ArrayLike, bar: float) -> None:
    """Within a bar of the largest, as far as float32 can tell; NaN and infinities alike."""
    one, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert np.array_equal(np.isnan(one), np.isnan(other))
    exact = ~np.isfinite(other)
    assert np.array_equal(one[exact], other[exact], equal_nan=True)
    distance = np.abs(one[~exact] - other[~exact])
    largest = np.max(np.abs(other[~exact]), initial=0)
    assert np.max(distance, initial=0) <= bar * largest + 1e-37, (distance.max(), largest)

"""The same numbers as arrays that nobody expects, and numbers that nobody expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from layouts import LAYOUTS, with_strides
from support import Array


class Impostor(np.ndarray):  # type: ignore[type-arg]
    """A subclass whose operators and shape say something else."""

    def __add__(self, other: Any) -> Any:
        return 42

    @property
    def T(self) -> Any:  # noqa: N802
        return np.zeros(1)


def _strided(array: Array, layout: str) -> Array:
    if array.ndim == 2:
        return with_strides(array, layout)
    return with_strides(array.reshape(1, -1), layout)[0]


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def _repeated(array: Array) -> Array:
    """Where all rows are alike, one row that is repeated by a stride of zero."""
    alike = array.ndim == 2 and len(array) and all(bytes(row) == bytes(array[0]) for row in array)
    return np.broadcast_to(array[0].copy(), array.shape) if alike else array


DISGUISES: dict[str, Callable[[Array], Any]] = {
    **{layout: lambda array, layout=layout: _strided(array, layout) for layout in LAYOUTS},
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "read only": _read_only,
    "subclass": lambda array: array.copy().view(Impostor),
    "objects": lambda array: array.astype(object),
    "list": lambda array: array.tolist(),
    "masked nowhere": lambda array: np.ma.masked_array(array.copy()),
    "masked": lambda array: (
        np.ma.masked_array(array.copy(), mask=np.arange(array.size) % 2 == 0)
        if array.ndim == 1
        else np.ma.masked_array(array.copy(), mask=np.ones(array.shape, bool))
    ),
    "repeated": _repeated,
    "memoryview": lambda array: memoryview(array.copy()) if array.size else array,
}
"""By name; what comes of each has the same numbers, or is refused."""

SIZES = st.sampled_from([1, 2, 3, 5, 16, 17, 33])
ROWS = st.sampled_from([0, 1, 2, 4, 7])
FLOATS = st.sampled_from([np.float32, np.float64, np.float16])
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-320, 6e4, -6e4, 1e38, -1e38, 1e300])


@st.composite
def matrices(draw: Any, rows: int, classes: int, dtype: Any, *, probabilities: bool) -> Array:
    """Scores, or probabilities: ordinary ones, all rows alike, or with special values in them."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    matrix = (
        rng.uniform(0.01, 1, (rows, classes))
        if probabilities
        else rng.normal(0, draw(st.sampled_from([0.0, 1.0, 30.0])), (rows, classes))
    )
    kind = draw(st.sampled_from(["ordinary", "ordinary", "alike", "special"]))
    if kind == "alike" and rows:
        matrix[:] = matrix[0]
    if kind == "special":
        matrix = np.where(rng.random(matrix.shape) < 0.2, rng.choice(SPECIAL, matrix.shape), matrix)
    with np.errstate(over="ignore", under="ignore"):
        return matrix.astype(dtype)


@st.composite
def label_vectors(draw: Any, rows: int, classes: int) -> Array:
    """Labels, left out ones and such as are out of range among them, in any integer type."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    labels = rng.integers(0, classes, rows)
    if draw(st.integers(0, 3)) == 0:
        wrong = rng.choice([-100, -1, classes, 1 << 31, -(1 << 63), (1 << 63) - 1], rows)
        return np.where(rng.random(rows) < 0.3, wrong, labels)
    return labels.astype(draw(st.sampled_from([np.int64, np.int32, np.uint8, np.int16, np.uint64])))


@st.composite
def vectors(draw: Any, size: int) -> Array:
    """Counts or weights, now and then with special values."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    vector = np.ceil(rng.uniform(0, 100, size))
    if draw(st.integers(0, 3)) == 0:
        vector = np.where(rng.random(size) < 0.3, rng.choice(SPECIAL, size), vector)
    with np.errstate(over="ignore"):
        return vector.astype(
            draw(st.sampled_from([np.float64, np.float32, np.int64]))
            if np.isfinite(vector).all() and np.abs(vector).max(initial=0) < 1e6
            else np.float64
        )

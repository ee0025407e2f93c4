"""The same matrix in other layouts of memory."""

from __future__ import annotations

import numpy as np
from support import Array

LAYOUTS = (
    "padded rows",
    "every third row",
    "rows backwards",
    "classes backwards",
    "columns",
    "every second class",
    "unaligned",
    "fields",
)


def with_strides(matrix: Array, layout: str) -> Array:
    """The same numbers in another layout."""
    rows, columns = matrix.shape
    if layout == "padded rows":
        wide = np.zeros((rows, columns + 11), matrix.dtype)
        wide[:, 4 : 4 + columns] = matrix
        return wide[:, 4 : 4 + columns]
    if layout == "every third row":
        tall = np.zeros((3 * rows, columns), matrix.dtype)
        tall[1::3] = matrix
        return tall[1::3]
    if layout == "rows backwards":
        return matrix[::-1].copy()[::-1]
    if layout == "classes backwards":
        return matrix[:, ::-1].copy()[:, ::-1]
    if layout == "columns":
        return np.asfortranarray(matrix)
    if layout == "every second class":
        wide = np.zeros((rows, 2 * columns), matrix.dtype)
        wide[:, ::2] = matrix
        return wide[:, ::2]
    if layout == "unaligned":
        memory = np.zeros(matrix.nbytes + 1, np.uint8)
        shifted: Array = memory[1:].view(matrix.dtype).reshape(matrix.shape)
        shifted[...] = matrix
        return shifted
    assert layout == "fields"  # rows that are no whole number of elements apart
    record = np.zeros(rows, np.dtype([("z", matrix.dtype, columns), ("tag", np.uint8)]))
    record["z"] = matrix
    return record["z"]

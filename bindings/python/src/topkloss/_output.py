"""Arrays out: new ones, or the caller's own, which C writes to or which get a copy at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arrays import AnyArray, flat_rows, view
from topkloss.errors import TopKLossError


def empty(shape: tuple[int, ...], like: AnyArray, code: int) -> AnyArray:
    """New memory of the element type of the logits."""
    if code == _abi.TOPKLOSS_BFLOAT16 and like.dtype == np.uint16:
        raise TopKLossError(
            "results in bfloat16 need the package ml_dtypes, or logits that are not bfloat16",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    return np.empty(shape, like.dtype)


def _overlaps_itself(array: AnyArray) -> bool:
    """Whether two elements may share memory: each axis must step over all that lies within it."""
    extent = array.itemsize
    axes = [(abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
    for stride, size in sorted(axes):
        if stride < extent:
            return True
        extent += stride * (size - 1)
    return False


def _own_memory(name: str, value: Any) -> tuple[AnyArray, int | None]:
    """A view of the caller's array that writes to the array itself, never to a copy."""
    if not (isinstance(value, np.ndarray) or hasattr(value, "__dlpack__")):
        try:
            value = memoryview(value)
        except TypeError:
            raise TopKLossError(
                f"{name} is a {type(value).__name__}; it must be an array with memory to write to",
                "TOPKLOSS_ERROR_ENUMERATOR",
            ) from None
    return view(name, value)


class Output:
    """An array of the shape of the logits to be written to.

    Attributes:
        name: What error messages call it.
        target: What the caller gets: the object that was passed in, or a new array.
        buffer: What C writes to, a matrix.
        memory: What has been written to in the end, in the shape of the logits.
    """

    def __init__(
        self, name: str, value: Any, like: AnyArray, code: int, shape: tuple[int, ...]
    ) -> None:
        """Checks the caller's object against the logits (``like``), or makes an array."""
        self.name = name
        if value is None:
            self.target = self.memory = empty(shape, like, code)
            self.buffer = flat_rows(self.memory)
            return
        array, array_code = _own_memory(name, value)
        if array.shape != shape:
            raise TopKLossError(
                f"{name} has shape {array.shape}; the logits have shape {shape}",
                "TOPKLOSS_ERROR_SIZE",
            )
        if array_code != code:
            raise TopKLossError(
                f"{name} has dtype {array.dtype}; the logits have dtype {like.dtype}",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
        if not array.flags.writeable:
            raise TopKLossError(f"{name} is read-only", "TOPKLOSS_ERROR_OPTION")
        if not array.flags.c_contiguous and _overlaps_itself(array):
            raise TopKLossError(
                f"{name} has elements that share memory (shape {array.shape}, strides in bytes "
                f"{array.strides})",
                "TOPKLOSS_ERROR_ALIASING",
            )
        self.target = value
        self.buffer = flat_rows(array)
        self.memory = array

    def finish(self) -> None:
        """Copies the result to the caller's array where C could not write to it."""
        if address(self.buffer) != address(self.memory):  # a copy
            self.memory[...] = self.buffer.reshape(self.memory.shape)


def refuse_shared(first: Output, second: Output) -> None:
    """Two outputs may not overlap. C sees that of their buffers, but not of what gets a copy."""
    if np.shares_memory(first.memory, second.memory):
        raise TopKLossError(f"{first.name} and {second.name} overlap", "TOPKLOSS_ERROR_ALIASING")

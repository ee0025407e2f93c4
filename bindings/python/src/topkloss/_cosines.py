"""Losses whose scale is meant for cosines, on scores that are none: they diverge, so say so."""

from __future__ import annotations

import sys
import warnings
from ctypes import c_char
from typing import Any

import numpy as np

from topkloss import _abi

_TYPES: dict[int, Any] = {
    _abi.TOPKLOSS_FLOAT32: np.float32,
    _abi.TOPKLOSS_FLOAT64: np.float64,
    _abi.TOPKLOSS_FLOAT16: np.float16,
    _abi.TOPKLOSS_BFLOAT16: np.uint16,
}
# What cosines come to in 16 bits.
_LARGEST = 1.01
_PACKAGES = "topkloss.", "torch.", "jax."


def _first_row(batch: _abi.batch) -> np.ndarray[Any, Any]:
    """The scores of a batch's first row, where they are (of bfloat16, a copy)."""
    kind = np.dtype(_TYPES[batch.dtype])
    first = np.frombuffer((c_char * kind.itemsize).from_address(batch.logits), kind)
    stride = (batch.logits_class_stride or 1) * kind.itemsize
    row = np.lib.stride_tricks.as_strided(first, (batch.classes,), (stride,))
    return row if kind != np.uint16 else (row.astype(np.uint32) << 16).view(np.float32)


def caller() -> int:
    """The level of whoever called this package, for `warnings.warn` in the function that asks."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and f"{frame.f_globals.get('__name__')}.".startswith(_PACKAGES):
        level, frame = level + 1, frame.f_back
    return level


class CosineWatch:
    """Looks at the scores of the first, second, fourth, eighth ... call, and warns once.

    It looks at one row, so that on average over calls it costs next to nothing, and yet the scores
    of a layer that is not normalised do not escape it for long.
    """

    def __init__(self, name: str) -> None:
        """Of a loss with this name."""
        self._name = name
        self._calls = 0
        self._next = 1.0

    def look(self, batch: _abi.batch) -> None:
        """Called before every evaluation, which may write over the scores."""
        if not (batch.rows and batch.classes):
            return
        self._calls += 1
        if self._calls < self._next:
            return
        self._next *= 2
        row = np.abs(_first_row(batch))
        if row.max(where=np.isfinite(row), initial=0) <= _LARGEST:
            return
        self._next = np.inf
        # No numbers: losses that are made anew every epoch say the same, which Python shows once.
        warnings.warn(
            f"{self._name} multiplies its logits by a scale that is meant for cosines, in [-1, 1], "
            "but the first row has larger ones, on which it may diverge: normalise the last layer "
            "(in PyTorch, topkloss.torch.NormedLinear), or set scale=1",
            stacklevel=caller(),
        )

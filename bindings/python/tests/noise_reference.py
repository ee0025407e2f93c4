"""The library's noise written a second time, in float64.

Sixteen classes are a block. The smallest of its sixteen uniform numbers is drawn from one word of
Threefry-2x32-20, its place from another; the others are uniform above it. A number u becomes the
normal one that is exceeded with probability u.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

Words = np.ndarray[Any, np.dtype[np.uint32]]

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_BLOCK = 16


def threefry(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Words, Words]:
    """Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), elementwise over arrays of words."""
    k0, k1, x0, x1 = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(word, np.uint32)) for word in (*key, *counter))
    )
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x0, x1 = x0 + schedule[0], x1 + schedule[1]
    for turn in range(20):
        x0 = x0 + x1
        left = np.uint32(_ROTATIONS[turn % 8])
        x1 = (x1 << left) | (x1 >> (np.uint32(32) - left))
        x1 = x1 ^ x0
        if turn % 4 == 3:
            injection = turn // 4 + 1
            x0 = x0 + schedule[injection % 3]
            x1 = x1 + schedule[(injection + 1) % 3] + np.uint32(injection)
    return x0, x1


def _halves(number: int) -> tuple[int, int]:
    return number & 0xFFFFFFFF, number >> 32


def standard_normal(
    seed: int, step: int, first_row: int, rows: int, n_samples: int, classes: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Noise of shape (rows, n_samples, classes)."""
    step_key = threefry(_halves(seed), _halves(step))
    index = np.arange(classes, dtype=np.uint32)
    blocks = np.arange(-(-classes // _BLOCK), dtype=np.uint32)
    # A counter serves a class and the one a block further on.
    counters = index // (2 * _BLOCK) * _BLOCK + index % _BLOCK
    noise = np.empty((rows, n_samples, classes))
    for row in range(rows):
        row_key = threefry(step_key, _halves(first_row + row))
        for sample in range(n_samples):
            smallest, place = threefry(row_key, (blocks, sample | 1 << 31))
            m = -np.expm1(np.log1p(-_uniform(smallest)) / _BLOCK)[index // _BLOCK]
            is_smallest = (place >> np.uint32(28))[index // _BLOCK] == index % _BLOCK
            even, odd = threefry(row_key, (counters, sample))
            word = np.where(index // _BLOCK % 2 == 0, even, odd)
            above = np.where(is_smallest, m, m + (1 - m) * _uniform(word))
            below = np.where(is_smallest, 1 - m, (1 - m) * _uniform(~word))
            noise[row, sample] = np.where(above < 0.5, -ndtri(above), ndtri(below))
    return noise


def _uniform(word: Words) -> np.ndarray[Any, np.dtype[np.float64]]:
    return (word + 0.5) / 2.0**32

"""The library's noise written a second time: Threefry-2x32-20, then Box-Muller in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint32]]

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_LANES = 16


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
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Noise of shape (rows, n_samples, classes), and the radius that each number is a part of."""
    step_key = threefry(_halves(seed), _halves(step))
    blocks = -(-classes // (2 * _LANES))
    noise = np.empty((rows, n_samples, blocks, 2, _LANES))
    radii = np.empty_like(noise)
    counters = np.arange(blocks * _LANES, dtype=np.uint32)
    for row in range(rows):
        row_key = threefry(step_key, _halves(first_row + row))
        for sample in range(n_samples):
            w0, w1 = threefry(row_key, (counters, sample))
            radius = np.sqrt(-2 * np.log((w0 + 0.5) / 2.0**32)).reshape(blocks, _LANES)
            angle = (2 * np.pi * w1 / 2.0**32).reshape(blocks, _LANES)
            noise[row, sample, :, 0] = radius * np.cos(angle)
            noise[row, sample, :, 1] = radius * np.sin(angle)
            radii[row, sample] = radius[:, None]
    shape = (rows, n_samples, blocks * 2 * _LANES)
    return noise.reshape(shape)[..., :classes], radii.reshape(shape)[..., :classes]

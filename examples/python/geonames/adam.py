"""Adam, with the lazy form of it for a table of which a batch touches few rows.

Diederik P. Kingma and Jimmy Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from layers import Array, Parameter

FIRST_DECAY = 0.9
SECOND_DECAY = 0.999
SMALLEST_DIVISOR = 1e-8


class Adam:
    """Moves parameters against their gradients, each entry at a pace of its own.

    Where a parameter's gradient covers some rows only, the moments of the other rows are left
    as they are, and those rows do not move: a dense update of the embedding table would cost
    many times the rest of a training step.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._steps = 0
        self._moments = [
            (parameter, np.zeros_like(parameter.value), np.zeros_like(parameter.value))
            for parameter in parameters
        ]

    def step(self, learning_rate: float) -> None:
        """One update of every parameter that has a gradient."""
        self._steps += 1
        first_correction = 1 - FIRST_DECAY**self._steps
        second_correction = 1 - SECOND_DECAY**self._steps
        # Both corrections of the zero start, taken out of the loops over elements:
        # (m / c1) / (sqrt(v / c2) + e) = (sqrt(c2) / c1) · m / (sqrt(v) + e · sqrt(c2)).
        pace = learning_rate * second_correction**0.5 / first_correction
        divisor_floor = SMALLEST_DIVISOR * second_correction**0.5

        for parameter, first, second in self._moments:
            if parameter.gradient is None:
                continue
            if parameter.rows is None:
                _update_moments(first, second, parameter.gradient)
                parameter.value -= _movement(first, second, pace, divisor_floor)
            else:
                rows = parameter.rows
                first_rows, second_rows = first[rows], second[rows]
                _update_moments(first_rows, second_rows, parameter.gradient)
                first[rows], second[rows] = first_rows, second_rows
                parameter.value[rows] -= _movement(first_rows, second_rows, pace, divisor_floor)


def _update_moments(first: Array, second: Array, gradient: Array) -> None:
    """Let the running means of the gradient and of its square follow it, in place."""
    difference = gradient - first
    difference *= 1 - FIRST_DECAY
    first += difference
    np.square(gradient, out=difference)
    difference -= second
    difference *= 1 - SECOND_DECAY
    second += difference


def _movement(first: Array, second: Array, pace: float, divisor_floor: float) -> Array:
    movement: Array = np.sqrt(second)
    movement += divisor_floor
    np.divide(first, movement, out=movement)
    movement *= pace
    return movement

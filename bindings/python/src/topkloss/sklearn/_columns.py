"""Columns of features brought to one centre and one scale, without another copy of them.

A model with an intercept that is not penalised can be written in the deviations from any centre,
and every model in units of its own for each column: only the search for its parameters changes. In
these coordinates a step and a gradient mean about the same in every column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from topkloss._arrays import FloatVector


@dataclass(frozen=True)
class Columns:
    """Coordinates of F coefficients, and of an intercept after them if there is one.

    Attributes:
        centre: Of each column; 0 without an intercept.
        scale: Of each column, above 0.
    """

    centre: FloatVector
    scale: FloatVector

    def own(self, parameters: FloatVector) -> FloatVector:
        """The model's own parameters, from those in these coordinates."""
        features = len(self.scale)
        found = parameters.copy()
        found[:features] /= self.scale[:, None]
        found[features:] -= self.centre @ found[:features]
        return found

    def gradient(self, own: FloatVector) -> FloatVector:
        """The gradient in these coordinates, from that of the model's own parameters."""
        features = len(self.scale)
        found = own.copy()
        if len(own) > features:
            found[:features] -= np.outer(self.centre, own[features])
        found[:features] /= self.scale[:, None]
        return found


def _moments(
    inputs: Any, weights: FloatVector, largest: FloatVector
) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Of each column over its largest entry the mean, the mean square about it, and what is not 0.

    All are weighted by rows; the last is the share of these.
    """
    shares = weights / weights.sum()
    mean, square, present = np.zeros((3, inputs.shape[1]))
    if scipy.sparse.issparse(inputs):
        column = inputs.indices
        share = np.repeat(shares, np.diff(inputs.indptr))
        entries = inputs.data / largest[column]
        np.add.at(mean, column, share * entries)
        np.add.at(present, column, share)
        np.add.at(square, column, share * (entries - mean[column]) ** 2)
        return mean, square + np.maximum(1 - present, 0) * mean**2, present
    pieces = [slice(start, start + 1024) for start in range(0, len(shares), 1024)]
    for rows in pieces:
        mean += shares[rows] @ (inputs[rows] / largest)
        present += shares[rows] @ (inputs[rows] != 0)
    for rows in pieces:
        square += shares[rows] @ (inputs[rows] / largest - mean) ** 2
    return mean, square, present


def columns_of(
    inputs: Any, weights: FloatVector, strength: float, *, intercept: bool, stochastic: bool
) -> Columns:
    """The coordinates in which every column has about the same curvature.

    Along a coefficient that is ``mean(l'' x^2) + strength``, x from the centre. A step on few rows
    meets that curvature only where a column is not 0 there, and so it must count for them alone:
    otherwise one step on columns that are seldom there would change scores too much.

    Args:
        inputs: (n, F) dense, or sparse by rows.
        weights: (n,) weights of 0 or more, not all 0.
        strength: Of the penalty, half of it times the square of each coefficient.
        intercept: Whether there is one, which the penalty spares.
        stochastic: Whether steps are on few rows at a time.
    """
    if scipy.sparse.issparse(inputs):
        largest = abs(inputs).max(axis=0).toarray().ravel().astype(np.float64)
    else:
        largest = np.maximum(inputs.max(axis=0), -inputs.min(axis=0)).astype(np.float64)
    largest[largest == 0] = 1
    mean, square, present = _moments(inputs, weights, largest)
    # What is constant but for rounding has no deviations to speak of.
    varies = square > (16 * np.finfo(inputs.dtype).eps * mean) ** 2
    centred = varies & intercept
    mean_square = np.where(centred, square, square + mean**2)
    if stochastic:
        mean_square /= np.where(present > 0, np.minimum(present, 1), 1)
    extent = np.sqrt(mean_square)
    scale = np.hypot(np.maximum(extent, np.finfo(np.float64).tiny) * largest, np.sqrt(strength))
    return Columns(np.where(centred, mean * largest, 0.0), scale)

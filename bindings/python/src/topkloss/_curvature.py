"""Diagonals of Hessians, or of what bounds them, from what one evaluation gives: the gradient.

**Softmax and margins.** Every member of the family is cross-entropy on ``u_j = f_j z_j + c_j``,
where f_j > 0 is the product of scale and class scale, and c_j does not depend on the scores but, in
ELM, through which class the rival is. With class weights w, label smoothing eta and p = softmax(u),
a row of label y has

    dl/dz_j     = f_j (W p_j - t_j),  t_j = (1 - eta) w_y [j = y] + (eta / C) w_j,  W = sum_j t_j
    d2l/dz_j2   = f_j^2 W p_j (1 - p_j)

so that the gradient g gives the probabilities, W p_j = g_j / f_j + t_j, and the diagonal is
``f_j^2 (r_j + t_j) (W - t_j - r_j) / W`` with r_j = g_j / f_j. (W - t_j is not taken as a
difference where it is 0: at the label of a row that the model is sure of, that factor is -r_j
exactly.)

The whole Hessian of a row, ``W F (diag(p) - p p^T) F``, is not diagonal. Twice its diagonal bounds
it from above: ``2 diag(p (1 - p)) - diag(p) + p p^T`` has ``p_j (1 - p_j)`` on the diagonal, which
is the sum of the sizes of the other entries of its row, and so no negative eigenvalue. For XGBoost
that factor of 2 is used, whatever its own objective does: up to release 3.2 the same, later |p - y|
of a row of label y, because 2 p (1 - p) fades where p is near 0, as it is on rare classes.
examples/python/boosting compares the two on three long tails: neither is better on all. For
LightGBM the factor is that of its own objective, C / (C - 1), after Friedman, "Greedy function
approximation: a gradient boosting machine", Annals of Statistics 2001, section 4.6.

**Losses that are a sum over classes.** Their Hessians are diagonal, and used as they are: 2 / C for
the mean squared error, and ``c_j f_j (1 - f_j)`` for the binary cross-entropies, whose gradient is
``c_j (f_j - [j = y])`` with f = sigmoid(z).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from topkloss._arrays import AnyArray

Times: TypeAlias = Callable[[int], float]
"""What a diagonal that stands for a whole Hessian is multiplied by, from the number of classes."""

Curvature: TypeAlias = Callable[[Any, AnyArray, AnyArray, Times], AnyArray]
"""The diagonal of each row's Hessian, of a loss, from its gradient, (B, C), and labels in [0, C).
Losses that are a sum over classes have no use for the factor."""


def of_softmax(loss: Any, gradient: AnyArray, labels: AnyArray, times: Times) -> AnyArray:
    """Of cross-entropy on scores times the softmax factor of the loss."""
    rows, classes = gradient.shape
    dtype = gradient.dtype
    eta = loss.label_smoothing
    weight = np.ones(classes) if loss.class_weight is None else loss.class_weight
    smooth = eta / classes * weight
    of_label = (1 - eta) * weight[labels]
    total = of_label + smooth.sum()  # W

    factor = np.broadcast_to(np.asarray(loss._traits.softmax_factor(loss), dtype), classes)
    r = gradient / factor
    at_label = np.arange(rows), labels
    above: AnyArray = r + smooth.astype(dtype)  # W p
    above[at_label] += of_label.astype(dtype)
    below = np.subtract(total[:, None] - smooth, r, dtype=dtype)  # W (1 - p)
    below[at_label] = (smooth.sum() - smooth[labels]) - r[at_label]
    # A class of weight 0 has no loss, and W = 0 where there is no smoothing either.
    above *= below
    above /= np.where(total > 0, total, 1).astype(dtype)[:, None]
    above *= np.asarray(times(classes), dtype) * factor**2
    return above


def of_squares(loss: Any, gradient: AnyArray, labels: AnyArray, times: Times) -> AnyArray:  # noqa: ARG001
    """Of the mean of squares."""
    return np.full_like(gradient, 2 / gradient.shape[1])


def of_sigmoids(loss: Any, gradient: AnyArray, labels: AnyArray, times: Times) -> AnyArray:  # noqa: ARG001
    """Of binary cross-entropies, whose negatives weigh less with the method ``"wan"``."""
    rows, classes = gradient.shape
    at_label = np.arange(rows), labels
    weak = loss.method == "wan" and classes > 1
    negative = 1 / (classes * (classes - 1)) if weak else 1 / classes
    probability = gradient / negative
    probability[at_label] = 1 + classes * gradient[at_label]
    found: AnyArray = probability * (1 - probability) * negative
    found[at_label] *= 1 / (classes * negative)
    return found

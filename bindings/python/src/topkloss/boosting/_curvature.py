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
is the sum of the sizes of the other entries of its row, and so no negative eigenvalue. XGBoost's
own softmax uses that factor of 2; LightGBM's uses C / (C - 1), after Friedman, "Greedy function
approximation: a gradient boosting machine", Annals of Statistics 2001, section 4.6. Each objective
uses its library's, so that with plain cross-entropy it grows the library's own trees.

**Losses that are a sum over classes.** Their Hessians are diagonal, and used as they are: 2 / C for
the mean squared error, and ``c_j f_j (1 - f_j)`` for the binary cross-entropies, whose gradient is
``c_j (f_j - [j = y])`` with f = sigmoid(z).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from topkloss._arrays import AnyArray
from topkloss._average_k import TwoHeadAverageKLoss
from topkloss._focal import FocalLoss
from topkloss._ldam import ELMLoss, LDAMLoss
from topkloss._noised_topk import NoisedTopKLoss
from topkloss._outlying_mse import OutlyingMSELoss
from topkloss._single_positive import SinglePositiveLoss
from topkloss._softmax_margin import (
    CrossEntropyLoss,
    LogitAdjustedLoss,
    MarginSoftmaxLoss,
    VectorScalingLoss,
)
from topkloss._topk import SmoothTopKSVMLoss, TopKHingeLoss
from topkloss.errors import TopKLossError

Curvature: TypeAlias = Callable[[AnyArray, AnyArray], AnyArray]
"""The diagonal of each row's Hessian from its gradient, both (B, C), and labels in [0, C)."""

_REFUSED: dict[type[Any], str] = {
    FocalLoss: "is not convex: where p_y is small its second derivatives are negative",
    TopKHingeLoss: "is piecewise linear: its second derivatives are 0",
    NoisedTopKLoss: "has second derivatives of either sign: the k-th largest score is a difference "
    "of convex functions",
    SmoothTopKSVMLoss: "has second derivatives of either sign: it is a difference of convex "
    "functions",
    TwoHeadAverageKLoss: "takes the scores of two heads, and trees have one",
}
_SUPPORTED = (
    "CrossEntropyLoss, LogitAdjustedLoss, VectorScalingLoss, LDAMLoss, ELMLoss, MarginSoftmaxLoss, "
    "OutlyingMSELoss and SinglePositiveLoss ('an' or 'wan')"
)


def _softmax_factor(loss: Any) -> Any:
    """f: what the scores are multiplied by inside the softmax, a number or one for each class."""
    if isinstance(loss, VectorScalingLoss):
        counts = loss.class_counts + loss.count_smoothing
        return (counts / counts.max()) ** loss.gamma
    if isinstance(loss, MarginSoftmaxLoss):
        return loss.scale * (1.0 if loss.class_scale is None else loss.class_scale)
    return loss.scale if isinstance(loss, LDAMLoss | ELMLoss) else 1.0


def _of_softmax(loss: Any, times: Callable[[int], float]) -> Curvature:
    def diagonal(gradient: AnyArray, labels: AnyArray) -> AnyArray:
        rows, classes = gradient.shape
        dtype = gradient.dtype
        eta = loss.label_smoothing
        weight = np.ones(classes) if loss.class_weight is None else loss.class_weight
        smooth = eta / classes * weight
        of_label = (1 - eta) * weight[labels]
        total = of_label + smooth.sum()  # W

        factor = np.broadcast_to(np.asarray(_softmax_factor(loss), dtype), classes)
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

    return diagonal


def _of_mse(gradient: AnyArray, labels: AnyArray) -> AnyArray:  # noqa: ARG001
    return np.full_like(gradient, 2 / gradient.shape[1])


def _of_single_positive(weak: bool) -> Curvature:
    def diagonal(gradient: AnyArray, labels: AnyArray) -> AnyArray:
        rows, classes = gradient.shape
        at_label = np.arange(rows), labels
        negative = 1 / (classes * (classes - 1)) if weak and classes > 1 else 1 / classes
        probability = gradient / negative
        probability[at_label] = 1 + classes * gradient[at_label]
        found: AnyArray = probability * (1 - probability) * negative
        found[at_label] *= 1 / (classes * negative)
        return found

    return diagonal


def curvature_of(loss: Any, times: Callable[[int], float]) -> Curvature:
    """How the diagonal of a loss is found.

    Args:
        loss: Any loss.
        times: What a diagonal that stands for a whole Hessian is multiplied by, from the number of
            classes.

    Raises:
        TopKLossError: The loss has no positive diagonal, or it cannot be told from the gradient.
    """
    softmax = CrossEntropyLoss, LogitAdjustedLoss, VectorScalingLoss, MarginSoftmaxLoss
    if isinstance(loss, (*softmax, LDAMLoss, ELMLoss)):
        return _of_softmax(loss, times)
    if isinstance(loss, OutlyingMSELoss):
        return _of_mse
    if isinstance(loss, SinglePositiveLoss) and loss.method != "epr":
        return _of_single_positive(loss.method == "wan")
    if isinstance(loss, SinglePositiveLoss):
        reason = "with 'epr' couples all rows: a row's loss depends on the others' scores"
    else:
        reason = _REFUSED.get(type(loss), "is no loss of topkloss")
    raise TopKLossError(
        f"{type(loss).__name__} {reason}; boosting needs a positive second derivative of every "
        f"score. Objectives can be made of {_SUPPORTED}",
        "TOPKLOSS_ERROR_OPTION",
    )

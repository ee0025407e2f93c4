"""Losses for sets of classes: the two-head loss and the single-positive ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

import topkloss
from topkloss._average_k import ClassReduction
from topkloss._single_positive import Method
from topkloss.errors import TopKLossError
from topkloss.jax._inputs import constant, label_array, outputs_of, score_array, values_of


def two_head_average_k_loss(
    logits: ArrayLike,
    multi_label_logits: ArrayLike,
    labels: ArrayLike,
    k: float = 5.0,
    *,
    candidate_weight: float = 1.0,
    multi_label_weight: float = 1.0,
    class_reduction: ClassReduction = "sum",
    threshold: ArrayLike | None = None,
    threshold_decay: float = 0.0,
    ignore_index: int = -100,
) -> Any:
    """Two-head average-K of each row: a softmax head proposes candidates, a second learns them.

    With S_i the candidates of row i, those of the round(B K) largest probabilities of the softmax
    head in all B rows, a row of label y has the value
    ``CE(z_i, y) + mu sum_j omega_ij BCE(g_ij, [j in S_i or j = y])``. Candidates are constants in
    the gradient. The B rows are those of one call: under `jax.vmap`, of each slice by itself.

    Args:
        logits: Scores of the softmax head, of shape (..., C).
        multi_label_logits: Scores g of the multi-label head, of the same shape and dtype.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        k: K, the average number of candidates a row, above 0 and below C; need not be whole.
        candidate_weight: omega of candidates other than the label, finite and 0 or more.
        multi_label_weight: mu, finite and 0 or more.
        class_reduction: Whether the multi-label term is a ``"sum"`` or a ``"mean"`` over classes.
        threshold: The threshold on probabilities that the call before returned, 0 before the first.
            May be traced.
        threshold_decay: Share of that one in this batch's threshold, in [0, 1); needs a threshold.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...). With a threshold, a pair of these and the new threshold, to
        be handed to the next call.

    References:
        Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K
        classification", WACV 2025.
    """
    options = {
        "k": k,
        "candidate_weight": candidate_weight,
        "multi_label_weight": multi_label_weight,
        "class_reduction": class_reduction,
        "threshold_decay": threshold_decay,
        "ignore_index": ignore_index,
    }
    loss = topkloss.TwoHeadAverageKLoss(**constant(options), reduction="none")
    if loss.threshold_decay and threshold is None:
        raise TopKLossError(
            f"threshold_decay is {threshold_decay} without a threshold to decay from: give 0 "
            "first, then what the call before returned",
            "TOPKLOSS_ERROR_OPTION",
        )
    rows = score_array("logits", logits)
    second = score_array("multi_label_logits", multi_label_logits)
    if (second.shape, second.dtype) != (rows.shape, rows.dtype):
        raise TopKLossError(
            f"multi_label_logits has shape {second.shape} and dtype {second.dtype}; the logits "
            f"have {rows.shape} and {rows.dtype}",
            "TOPKLOSS_ERROR_SIZE",
        )
    scores = {"logits": rows, "multi_label_logits": second}
    others = {"labels": label_array(labels, rows, ignore_index)}
    if threshold is None:
        return outputs_of(loss, scores, others)[0]
    before = jnp.asarray(threshold)
    if before.ndim:
        raise TopKLossError(
            f"threshold has shape {before.shape}; it must be one number", "TOPKLOSS_ERROR_SIZE"
        )
    wide = jnp.float64 if before.dtype == jnp.float64 else jnp.float32
    others["threshold"] = before.astype(wide)
    values, after = outputs_of(loss, scores, others, ("values", "threshold"))
    return values, after


def single_positive_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    method: Method = "an",
    *,
    expected_positives: float | None = None,
    regularization: float = 1.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Binary cross-entropy of every class, of each row, where one positive label is known.

    With ``"epr"`` a value depends on all rows of the call (under `jax.vmap`, of its own slice), and
    so does its gradient.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        method: ``"an"`` (assume negative), ``"wan"`` (the same with the negatives times
            ``1 / (C - 1)``) or ``"epr"`` (expected-positive regularisation).
        expected_positives: With ``"epr"`` only, which needs it: finite and above 0.
        regularization: With ``"epr"`` only: its weight, finite and 0 or more.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Cole, Mac Aodha, Lorieul, Perona, Morris and Jojic, "Multi-label learning from single
        positive labels", CVPR 2021.
    """
    options = {
        "method": method,
        "expected_positives": expected_positives,
        "regularization": regularization,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.SinglePositiveLoss, options, logits, labels)

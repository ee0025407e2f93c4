"""The softmax-margin family and the focal loss."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

import topkloss
from topkloss._arrays import Array
from topkloss.jax._inputs import values_of


def cross_entropy_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Cross-entropy of each row, with class weights and label smoothing.

    With w the class weights and eta the label smoothing, a row of label y has the value
    ``(1 - eta) w_y (-log p_y) + (eta / C) sum_j w_j (-log p_j)``.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1.
        label_smoothing: eta, in [0, 1].
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).
    """
    options = {
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.CrossEntropyLoss, options, logits, labels)


def logit_adjusted_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    tau: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Logit-adjusted cross-entropy of each row: cross-entropy on ``z_j + tau log pi_j``.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced.
        tau: Strength of the adjustment, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `cross_entropy_loss`.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; Ren et al., "Balanced
        meta-softmax for long-tailed visual recognition", NeurIPS 2020.
    """
    options = {
        "class_counts": class_counts,
        "tau": tau,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.LogitAdjustedLoss, options, logits, labels)


def vector_scaling_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    gamma: float = 0.3,
    tau: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Vector scaling of each row: cross-entropy on ``(n_j / n_max)^gamma z_j + tau log pi_j``.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced.
        gamma: Strength of the multiplicative adjustment, finite and 0 or more.
        tau: Strength of the additive adjustment, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `cross_entropy_loss`.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Kini, Paraskevas, Oymak and Thrampoulidis, "Label-imbalanced and group-sensitive
        classification under overparameterization", NeurIPS 2021.
    """
    options = {
        "class_counts": class_counts,
        "gamma": gamma,
        "tau": tau,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.VectorScalingLoss, options, logits, labels)


def ldam_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    max_margin: float = 0.5,
    scale: float = 30.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """LDAM of each row: cross-entropy with a margin for rare classes.

    The logit of the label y is lowered by ``max_margin n_y^(-1/4) / max_c n_c^(-1/4)``, then all
    logits are multiplied by the scale. They should be cosines, in [-1, 1]: of features and class
    vectors that are divided by their norms. On unbounded logits it diverges.

    Args:
        logits: Cosines, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `cross_entropy_loss`.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    Reference: Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.
    """
    options = {
        "class_counts": class_counts,
        "max_margin": max_margin,
        "scale": scale,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.LDAMLoss, options, logits, labels)


def elm_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array,
    max_margin: float = 0.5,
    scale: float = 30.0,
    lam: float = 1.0,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """ELM of each row: `ldam_loss` with the margin of the strongest rival taken in.

    The logit of the label y is lowered by ``b_y - lam b_r``, where b_c are LDAM's margins and r is
    the class other than y with the largest logit, a constant in the gradient.

    Args:
        logits: Cosines, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        lam: How much of the rival's margin is taken in, finite. 0 gives LDAM.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `cross_entropy_loss`.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    Reference: Kato and Hotta, "Enlarged large margin loss for imbalanced classification", SMC 2023.
    """
    options = {
        "class_counts": class_counts,
        "max_margin": max_margin,
        "scale": scale,
        "lam": lam,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.ELMLoss, options, logits, labels)


def margin_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    offset: Array | None = None,
    margin: Array | None = None,
    class_scale: Array | None = None,
    scale: float = 1.0,
    lam: float = 0.0,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Margin softmax of each row: cross-entropy on ``s (d_j z_j + a_j - [j = y] (b_y - lam b_r))``.

    r is the class other than y with the largest logit, a constant in the gradient.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        offset: a of each of C classes, finite; not traced. Default 0.
        margin: b of each class, in units of a logit, finite. Default 0.
        class_scale: d of each class, finite and above 0. Default 1.
        scale: s, finite and above 0.
        lam: How much of the rival's margin is taken in, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `cross_entropy_loss`.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    Reference: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.
    """
    options = {
        "offset": offset,
        "margin": margin,
        "class_scale": class_scale,
        "scale": scale,
        "lam": lam,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.MarginSoftmaxLoss, options, logits, labels)


def focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    gamma: float = 2.0,
    *,
    class_weight: Array | None = None,
    ignore_index: int = -100,
) -> jax.Array:
    """Focal loss of each row: ``w_y (1 - p_y)^gamma (-log p_y)``, p the softmax of the row.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        gamma: How strongly rows that are right are discounted, finite and 0 or more.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    Reference: Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV
    2017.
    """
    options = {"gamma": gamma, "class_weight": class_weight, "ignore_index": ignore_index}
    return values_of(topkloss.FocalLoss, options, logits, labels)

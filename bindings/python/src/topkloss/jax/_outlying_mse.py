"""Mean squared error with outlying label."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

import topkloss
from topkloss._arrays import Array
from topkloss.jax._inputs import values_of


def outlying_mse_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    class_counts: Array | None = None,
    alpha: float = 1.0,
    *,
    teacher: Array | None = None,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Mean squared error with outlying label, of each row: ``(1/C) sum_j (z_j - [j = y] t_y)^2``.

    The teacher is ``t_c = alpha r_c``, r_c the rank of class c by decreasing count, or the caller's
    own.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced. May be left out with a teacher.
        alpha: Teacher of the most frequent class, in units of a logit; finite and above 0.
        teacher: t of each class, finite. Default ``alpha r_c``.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Kato and Hotta, "MSE loss with outlying label for imbalanced classification", 2021.
    """
    options = {
        "class_counts": class_counts,
        "alpha": alpha,
        "teacher": teacher,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    return values_of(topkloss.OutlyingMSELoss, options, logits, labels)

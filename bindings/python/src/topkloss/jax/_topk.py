"""The top-K hinges and the smooth top-K SVM."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

import topkloss
from topkloss.jax._inputs import values_of


def topk_hinge_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    margin: float = 1.0,
    *,
    ignore_index: int = -100,
) -> jax.Array:
    """Top-K calibrated hinge of each row: ``(margin + z_[K+1] - z_y)+``.

    ``z_[K+1]`` is the (K+1)-th largest logit. Its derivative goes to the first class that holds
    that rank.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        k: K, 1 to C - 1.
        margin: In units of a logit, finite.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Yang and Koyejo, "On the consistency of top-k surrogate losses", ICML 2020.
    """
    options = {"k": k, "margin": margin, "ignore_index": ignore_index}
    return values_of(topkloss.TopKHingeLoss, options, logits, labels)


def smooth_topk_svm_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    tau: float = 1.0,
    alpha: float = 1.0,
    *,
    ignore_index: int = -100,
) -> jax.Array:
    """Smooth top-K SVM of each row: the top-K hinge smoothed by a temperature.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        k: K, 1 to C - 1.
        tau: Temperature, in units of a logit; finite and above 0.
        alpha: Margin, in units of a logit; finite.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Berrada, Zisserman and Kumar, "Smooth loss functions for deep top-k classification",
        ICLR 2018.
    """
    options = {"k": k, "tau": tau, "alpha": alpha, "ignore_index": ignore_index}
    return values_of(topkloss.SmoothTopKSVMLoss, options, logits, labels)

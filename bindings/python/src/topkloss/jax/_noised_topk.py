"""Noised top-K: the loss, and the operator by itself."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

import topkloss
from topkloss._arrays import Array
from topkloss._noised_topk import Estimator
from topkloss._noised_topk_operator import operator
from topkloss.jax._inputs import constant, label_array, outputs_of, randomness, score_array


def noised_topk_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    k: int = 5,
    epsilon: float = 1.0,
    *,
    estimator: Estimator = "monte_carlo",
    n_samples: int = 5,
    key: ArrayLike | None = None,
    step: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    seed: int = 0,
    margin: float = 1.0,
    class_counts: Array | None = None,
    max_margin: float | None = None,
    scale: float = 1.0,
    count_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> jax.Array:
    """Noised top-K of each row: the top-K hinge on an order statistic that noise makes smooth.

    A row z of label y has the value ``scale (m_y + T - z_y)+``, where T is the expectation of the
    (K+1)-th largest entry of ``z + epsilon Z``, Z standard normal. Balanced: ``m_y = margin``. With
    class_counts: ``m_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4)``.

    Monte Carlo noise is a function of its arguments: **the same key, or seed and step, is the same
    noise**. Give every training step its own. Rows of one call have noise of their own, and are
    numbered in order. Under `jax.vmap`, a step or key that is not mapped over is one for the whole
    batch, whose rows are numbered as in one call on all of it, so that no two have the same noise;
    if it is mapped over, the rows of each one's part are numbered from 0.

    Args:
        logits: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        labels: Class indices in [0, C), or ``ignore_index``, of shape (...).
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and 0 or more.
        estimator: How the expectation is taken: ``"monte_carlo"``, as in the paper, or ``"exact"``,
            which has no noise.
        n_samples: S, the number of noise samples a row. Monte Carlo only.
        key: A key of `jax.random`, which may be traced. Takes the place of the step.
        step: Which noise to draw, an integer that may be traced. Default 0. Key, step and noise are
            for Monte Carlo, and refused with the exact estimator.
        noise: Noise of shape (..., S, C) in place of the loss's own; a constant in the gradient.
        seed: Key of the library's noise, 0 to 2^64 - 1, not traced.
        margin: Margin of the balanced loss, in units of a logit; finite.
        class_counts: Number of training examples of each of C classes, finite and above 0; not
            traced.
        max_margin: With class_counts only: margin of the rarest class. Default 0.5.
        scale: Multiplies the hinge, finite and above 0.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        ignore_index: Label of rows that have value 0 and gradient 0.

    Returns:
        One value a row, of shape (...).

    References:
        Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss
        for deep imbalanced classification", ICML 2022.
    """
    options = {
        "k": k,
        "epsilon": epsilon,
        "estimator": estimator,
        "n_samples": n_samples,
        "seed": seed,
        "margin": margin,
        "class_counts": class_counts,
        "max_margin": max_margin,
        "scale": scale,
        "count_smoothing": count_smoothing,
        "ignore_index": ignore_index,
    }
    loss = topkloss.NoisedTopKLoss(**constant(options), reduction="none")
    rows = score_array("logits", logits)
    others = {"labels": label_array(labels, rows, ignore_index)}
    others |= randomness(estimator, step, key, noise, rows, loss.n_samples)
    return outputs_of(loss, {"logits": rows}, others)[0]


def noised_topk(
    x: ArrayLike,
    k: int,
    epsilon: float = 1.0,
    *,
    estimator: Estimator = "exact",
    n_samples: int = 5,
    key: ArrayLike | None = None,
    step: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    seed: int = 0,
) -> jax.Array:
    """The k-th largest score of every row, made smooth: ``E[(x + epsilon Z)_[k]]``, Z normal.

    The gradient of a row is the probability (with Monte Carlo, the share of samples) with which
    each class holds rank k. epsilon = 0 gives the k-th largest score itself.

    Args:
        x: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        k: The rank, counted from 1 (the largest) to C.
        epsilon: Standard deviation of the noise, in units of a score; finite and 0 or more.
        estimator: ``"exact"`` or ``"monte_carlo"``, the mean of n_samples draws.
        n_samples: S, the number of noise samples a row. Monte Carlo only.
        key: As for `noised_topk_loss`.
        step: As for `noised_topk_loss`.
        noise: As for `noised_topk_loss`.
        seed: As for `noised_topk_loss`.

    Returns:
        One value a row, of shape (...).

    References:
        Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss
        for deep imbalanced classification", ICML 2022.
    """
    options = {
        "k": k,
        "epsilon": epsilon,
        "estimator": estimator,
        "n_samples": n_samples,
        "seed": seed,
    }
    made = operator(**constant(options), check_finite=False)
    rows = score_array("x", x)
    others = randomness(estimator, step, key, noise, rows, made.n_samples)
    return outputs_of(made, {"logits": rows}, others)[0]

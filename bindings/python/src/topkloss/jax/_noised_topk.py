"""Noised top-K, the operator by itself."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from topkloss._noised_topk import Estimator
from topkloss._noised_topk_operator import operator
from topkloss.jax._inputs import constant, outputs_of, randomness, score_array


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
        key: As for `topkloss.jax.noised_topk_loss`.
        step: As for `topkloss.jax.noised_topk_loss`.
        noise: As for `topkloss.jax.noised_topk_loss`.
        seed: As for `topkloss.jax.noised_topk_loss`.

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
    others = randomness(made, rows, step=step, key=key, noise=noise)
    return outputs_of(made, {"logits": rows}, others)[0]

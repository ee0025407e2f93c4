"""Noised top-K, the operator by itself, under autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from topkloss._arguments import integer
from topkloss._noised_topk import Estimator
from topkloss._noised_topk_operator import operator
from topkloss.errors import TopKLossError
from topkloss.torch._autograd import differentiable
from topkloss.torch._compiled import noised_topk as in_a_graph
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._staging import home_of, staged
from topkloss.torch._tensors import with_memory


def noised_topk(
    x: Tensor,
    k: int,
    epsilon: float = 1.0,
    *,
    estimator: Estimator = "exact",
    n_samples: int = 5,
    seed: int = 0,
    step: int = 0,
    noise: Tensor | None = None,
    check_finite: bool = False,
) -> Tensor:
    """The k-th largest score of every row, made smooth: ``E[(x + epsilon Z)_[k]]``, Z normal.

    Differentiable once with respect to x: the gradient of a row is the probability (with Monte
    Carlo, the share of samples) with which each class holds rank k, not negative and with sum 1.
    epsilon = 0 gives the k-th largest score itself. A score of -inf ranks last; NaN or +inf makes
    its own row's value NaN.

    Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for
    deep imbalanced classification", ICML 2022.

    Args:
        x: Scores, of shape (..., C), in float32, float64, float16 or bfloat16.
        k: The rank, counted from 1 (the largest) to C.
        epsilon: Standard deviation of the noise, in units of a score; finite and 0 or more.
        estimator: How the expectation is taken: ``"exact"``, with an error of at most
            ``1e-5 max(epsilon, 1e-3, 0.01 |value|)`` in float32 and 1e-10 of the same in float64;
            or ``"monte_carlo"``, the mean of n_samples draws.
        n_samples: S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only.
        seed: Chooses the noise, 0 to 2^64 - 1. Monte Carlo only.
        step: Which noise of that key to draw, 0 to 2^64 - 1; the function does not count its calls.
            Monte Carlo only.
        noise: Noise of shape (..., S, C) to use in place of the library's own. Monte Carlo only.
        check_finite: Refuse NaN and +inf among the scores.

    Returns:
        Values of shape (...), of the dtype of the scores and on their device.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    if torch.compiler.is_compiling():
        return in_a_graph(x, k, epsilon, estimator, n_samples, seed, step, noise, check_finite)
    options = {"estimator": estimator, "n_samples": n_samples, "seed": seed}
    made = operator(k=k, epsilon=epsilon, check_finite=check_finite, **options)
    host, noise = staged(x, noise)
    shape = with_memory("x", host).shape
    if not shape:
        raise TopKLossError(
            "x has shape (); its last dimension must be the classes", "TOPKLOSS_ERROR_SIZE"
        )
    *leading, classes = shape
    rows = math.prod(leading)
    evaluation = Evaluation(made, "x", host.reshape(rows, classes), by_row=True, device=home_of(x))
    evaluation.add_noise(noise, (*leading, made.n_samples, classes))
    evaluation.add_step(integer("step", step, signed=False))
    return differentiable(evaluation, x.reshape(rows, classes)).reshape(leading)

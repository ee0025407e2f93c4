"""Noised top-K, the operator by itself: a smoothed order statistic and its gradient."""

from __future__ import annotations

import functools
from dataclasses import KW_ONLY
from typing import Any

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import Unsigned, integer
from topkloss._arrays import AnyArray, Array, row_numbers
from topkloss._evaluation import (
    RESULT_SIZE,
    add_gradient,
    add_noise,
    add_row_values,
    call,
    describe,
)
from topkloss._handle import Handle
from topkloss._noised_topk import NO_SAMPLES, Estimator
from topkloss._records import record


@record
class NoisedTopKOperator(Handle):
    """The operator with its options; the functions below describe them."""

    _kind = "noised_topk_operator"
    _idle = {"n_samples": NO_SAMPLES}  # noqa: RUF012
    _names = {"logits": "x"}  # noqa: RUF012

    k: int
    epsilon: float = 1.0
    _: KW_ONLY
    estimator: Estimator = "exact"
    n_samples: int = 5
    seed: Unsigned = 0
    check_finite: bool = False


@functools.lru_cache(maxsize=16)
def _cached(**options: Any) -> NoisedTopKOperator:
    """The last few operators; one that is dropped lives on until calls that use it are over."""
    return NoisedTopKOperator(**options)


def operator(**options: Any) -> NoisedTopKOperator:
    """The operator with these options, all of them by name.

    They are checked before they are looked up, since 2 and 2.0, say, are equal to a dictionary.
    """
    return _cached(**NoisedTopKOperator._checked(options))


def noised_topk(
    x: Array,
    k: int,
    epsilon: float = 1.0,
    *,
    estimator: Estimator = "exact",
    n_samples: int = 5,
    seed: int = 0,
    step: int = 0,
    noise: Array | None = None,
    check_finite: bool = False,
) -> AnyArray:
    """The k-th largest score of every row, made smooth: ``E[(x + epsilon Z)_[k]]``, Z normal.

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
        step: Which noise of that key to draw, 0 to 2^64 - 1. Monte Carlo only.
        noise: Noise of shape (..., S, C) to use in place of the library's own. Monte Carlo only.
        check_finite: Refuse NaN and +inf among the scores.

    Returns:
        Values of shape (...) and the dtype of the scores.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    options = {"estimator": estimator, "n_samples": n_samples, "seed": seed}
    made = operator(k=k, epsilon=epsilon, check_finite=check_finite, **options)
    batch, scores = describe("x", x)
    batch.step = integer("step", step, signed=False)
    _kept = add_noise(batch, noise, made.n_samples)
    result = _abi.result(RESULT_SIZE)
    values = add_row_values(result, batch, scores)
    call(made, batch, result)
    return values


def noised_topk_vjp(
    x: Array,
    k: int,
    epsilon: float = 1.0,
    *,
    upstream: Array | None = None,
    estimator: Estimator = "exact",
    n_samples: int = 5,
    seed: int = 0,
    step: int = 0,
    noise: Array | None = None,
    check_finite: bool = False,
    out: Any = None,
) -> Any:
    """The vector-Jacobian product of `noised_topk`, which is its gradient if upstream is 1.

    The gradient of a row is the probability (with Monte Carlo, the share of samples) with which
    each class holds rank k: not negative, with sum 1.

    Args:
        x: As for `noised_topk`.
        k: As for `noised_topk`.
        epsilon: As for `noised_topk`.
        upstream: Finite numbers, of shape (...), the derivative of what comes after with respect to
            each value. Default 1.
        estimator: As for `noised_topk`.
        n_samples: As for `noised_topk`.
        seed: As for `noised_topk`.
        step: As for `noised_topk`; the same step has the same noise.
        noise: As for `noised_topk`.
        check_finite: As for `noised_topk`.
        out: Receives the result: a writable array of the shape and dtype of the scores, perhaps
            the scores themselves, which are then replaced. Default: a new NumPy array.

    Returns:
        Each row's gradient times its upstream number, of shape (..., C): ``out`` if there is one.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value. Nothing has been written.
    """
    options = {"estimator": estimator, "n_samples": n_samples, "seed": seed}
    made = operator(k=k, epsilon=epsilon, check_finite=check_finite, **options)
    batch, scores = describe("x", x)
    batch.step = integer("step", step, signed=False)
    _kept = add_noise(batch, noise, made.n_samples)
    if upstream is not None:
        factors = row_numbers("upstream", upstream, batch.lead)
        batch.upstream = address(factors)
    result = _abi.result(RESULT_SIZE)
    output = add_gradient(result, batch, scores, out)
    call(made, batch, result)
    output.finish()
    return output.target

"""The smoothed order statistic."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss._noised_topk_operator import operator
from topkloss.torch._autograd import refuse_second_derivative
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._operators._parts import (
    keep_gradient,
    or_nothing,
    room_for_gradient,
    room_for_values,
    times,
    unsigned,
)
from topkloss.torch._staging import home_of, staged


@torch.library.custom_op(
    "topkloss::noised_topk",
    mutates_args=(),
    schema="(Tensor x, Tensor? noise, int k, float epsilon, str estimator, int n_samples, "
    "int seed, int step, bool check_finite, bool wanted) -> (Tensor, Tensor)",
)
def noised_topk(
    x: Tensor,
    noise: Tensor | None,
    k: int,
    epsilon: float,
    estimator: str,
    n_samples: int,
    seed: int,
    step: int,
    check_finite: bool,
    wanted: bool,
) -> tuple[Tensor, Tensor]:
    """One value a row of x, of shape (B, C), and if it is wanted their gradient."""
    made = operator(
        k=k,
        epsilon=epsilon,
        estimator=estimator,
        n_samples=n_samples,
        seed=unsigned(seed),
        check_finite=check_finite,
    )
    scores, noise = staged(x, noise)
    evaluation = Evaluation(made, "x", scores, by_row=True, device=home_of(x))
    evaluation.add_noise(noise, (len(x), n_samples, x.shape[-1]))
    evaluation.add_step(unsigned(step))
    values, (gradient,) = evaluation.run((wanted,))
    return values, or_nothing(gradient, x)


@noised_topk.register_fake
def _(
    x: Tensor,
    noise: Tensor | None,  # noqa: ARG001
    k: int,  # noqa: ARG001
    epsilon: float,  # noqa: ARG001
    estimator: str,  # noqa: ARG001
    n_samples: int,  # noqa: ARG001
    seed: int,  # noqa: ARG001
    step: int,  # noqa: ARG001
    check_finite: bool,  # noqa: ARG001
    wanted: bool,
) -> tuple[Tensor, Tensor]:
    return room_for_values(x, True, x.dtype), room_for_gradient(x, wanted)


def _noised_topk_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    (gradient,) = ctx.saved_tensors
    found = times(gradient, upstream) if ctx.needs_input_grad[0] else None
    return found, *[None] * 9


noised_topk.register_autograd(_noised_topk_backward, setup_context=keep_gradient)

"""Losses of one head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss.torch._autograd import refuse_second_derivative
from topkloss.torch._operators._parts import (
    keep_gradient,
    or_nothing,
    room_for_gradient,
    room_for_values,
    times,
    unsigned,
)
from topkloss.torch._tickets import module_of


@torch.library.custom_op(
    "topkloss::one_head",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight, Tensor? noise, "
    "Tensor? step, bool by_row, bool wanted, ScalarType dtype) -> (Tensor, Tensor)",
)
def one_head(
    ticket: Tensor,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None,
    step: Tensor | None,
    by_row: bool,  # noqa: ARG001
    wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Value and, if it is wanted, gradient; the value in a dtype of its own."""
    module = module_of(ticket)
    options = {} if step is None else {"noise": noise, "step": unsigned(step)}
    evaluation = module._evaluation(logits, labels, sample_weight, value_dtype=dtype, **options)
    value, (gradient,) = evaluation.run((wanted,))
    return value, or_nothing(gradient, logits)


@one_head.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    noise: Tensor | None,  # noqa: ARG001
    step: Tensor | None,  # noqa: ARG001
    by_row: bool,
    wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    return room_for_values(logits, by_row, dtype), room_for_gradient(logits, wanted)


def _one_head_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    (gradient,) = ctx.saved_tensors
    found = times(gradient, upstream) if ctx.needs_input_grad[1] else None
    return None, found, *[None] * 7


one_head.register_autograd(_one_head_backward, setup_context=keep_gradient)

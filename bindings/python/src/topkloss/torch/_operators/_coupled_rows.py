"""A loss of one head whose rows depend on each other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss.torch._autograd import refuse_second_derivative
from topkloss.torch._operators._parts import room_for_gradient, room_for_values
from topkloss.torch._tickets import module_of


@torch.library.custom_op(
    "topkloss::coupled_rows",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight) -> Tensor",
)
def coupled_rows(
    ticket: Tensor, logits: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> Tensor:
    """One value a row."""
    values: Tensor = module_of(ticket)._evaluation(logits, labels, sample_weight).run()[0]
    return values


@coupled_rows.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
) -> Tensor:
    return room_for_values(logits, True, logits.dtype)


@torch.library.custom_op(
    "topkloss::coupled_rows_vjp",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight, "
    "Tensor upstream) -> Tensor",
)
def coupled_rows_vjp(
    ticket: Tensor,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    upstream: Tensor,
) -> Tensor:
    """The gradient of the sum of all rows' values times their upstream numbers."""
    evaluation = module_of(ticket)._evaluation(logits, labels, sample_weight)
    gradient: Tensor = evaluation.gradient(upstream, logits)
    return gradient


@coupled_rows_vjp.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    upstream: Tensor,  # noqa: ARG001
) -> Tensor:
    return room_for_gradient(logits, True)


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs)


def _coupled_backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    return None, coupled_rows_vjp(*ctx.saved_tensors, upstream), None, None


coupled_rows.register_autograd(_coupled_backward, setup_context=_keep_inputs)

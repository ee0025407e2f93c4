"""The loss of two heads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss.torch._autograd import refuse_second_derivative
from topkloss.torch._devices import IS_ON
from topkloss.torch._operators._parts import or_nothing, room_for_gradient, room_for_values, times
from topkloss.torch._tickets import module_of


@torch.library.custom_op(
    "topkloss::two_heads",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor multi_label_logits, Tensor labels, "
    "Tensor? sample_weight, Tensor? threshold, bool by_row, bool wanted, bool multi_label_wanted, "
    "ScalarType dtype) -> (Tensor, Tensor, Tensor, Tensor)",
)
def two_heads(
    ticket: Tensor,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    threshold: Tensor | None,
    by_row: bool,  # noqa: ARG001
    wanted: bool,
    multi_label_wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Value, the gradients that are wanted, and the threshold that chose the candidates."""
    evaluation = module_of(ticket)._evaluation(
        logits, labels, sample_weight, second=multi_label_logits, value_dtype=dtype
    )
    if threshold is not None:
        evaluation.begin_threshold(threshold)
    value, (first, second) = evaluation.run((wanted, multi_label_wanted))
    used = evaluation.used_threshold().to(_place_of_threshold(logits))
    return value, or_nothing(first, logits), or_nothing(second, logits), used


@two_heads.register_fake
def _(
    ticket: Tensor,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    threshold: Tensor | None,  # noqa: ARG001
    by_row: bool,
    wanted: bool,
    multi_label_wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    gradients = (
        room_for_gradient(logits, wanted),
        room_for_gradient(multi_label_logits, multi_label_wanted),
    )
    used = ticket.new_empty((), dtype=torch.float64, device=_place_of_threshold(logits))
    return room_for_values(logits, by_row, dtype), *gradients, used


def _place_of_threshold(logits: Tensor) -> torch.device:
    """Where it is computed, as a graph has to know before it is."""
    return logits.device if IS_ON and logits.is_cuda else torch.device("cpu")


def _keep_two(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG001
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*output[1:3])


def _two_heads_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    found = [
        times(gradient, upstream) if needed else None
        for gradient, needed in zip(ctx.saved_tensors, ctx.needs_input_grad[1:3], strict=True)
    ]
    return None, *found, *[None] * 7


two_heads.register_autograd(_two_heads_backward, setup_context=_keep_two)

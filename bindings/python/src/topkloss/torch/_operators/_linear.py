"""The last layer and a loss of one head, without the scores of a whole batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from topkloss.errors import TopKLossError
from topkloss.torch._autocast import HALVES
from topkloss.torch._autograd import refuse_many_upstreams, refuse_second_derivative
from topkloss.torch._linear_chunks import Layer, Pass, Plan, rows_of, total_weight
from topkloss.torch._modes import graph_is_kept
from topkloss.torch._operators._parts import unsigned
from topkloss.torch._tensors import has_memory, number
from topkloss.torch._tickets import module_of

Three = tuple[Tensor, Tensor, Tensor]

_INPUTS = (
    "Tensor ticket, Tensor inputs, Tensor weight, Tensor? bias, Tensor labels, "
    "Tensor? sample_weight, Tensor? step, Tensor? threshold, "
)
_PLAN = (
    "bool inputs_wanted, bool weight_wanted, bool bias_wanted, ScalarType dtype, "
    "ScalarType scores_dtype, int chunk_bytes"
)


def _room(tensor: Tensor | None, inputs: Tensor, dtype: torch.dtype, *, wanted: bool) -> Tensor:
    """A gradient that is not there yet, or what stands for one that is not wanted."""
    if tensor is None or not wanted:
        return inputs.new_zeros(())
    return torch.empty_like(tensor, dtype=dtype)


def _rooms(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, wanted: Sequence[bool], dtype: torch.dtype
) -> Three:
    sums = torch.float32 if dtype in HALVES else dtype
    *lead, features = inputs.shape
    flat = inputs.new_empty((math.prod(lead), features))
    return (
        _room(flat, inputs, dtype, wanted=wanted[0]),
        _room(weight, inputs, sums, wanted=wanted[1]),
        _room(bias, inputs, sums, wanted=wanted[2]),
    )


def _given(found: Pass, inputs: Tensor) -> Three:
    first, second, third = (
        inputs.new_zeros(()) if each is None else each for each in found.gradients
    )
    return first, second, third


@torch.library.custom_op(
    "topkloss::linear_threshold",
    mutates_args=(),
    schema="(Tensor ticket, Tensor inputs, Tensor weight, Tensor? bias, Tensor labels, "
    "ScalarType dtype, int chunk_bytes) -> Tensor",
)
def linear_threshold(
    ticket: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    dtype: torch.dtype,
    chunk_bytes: int,
) -> Tensor:
    """Of a loss of two heads: the threshold of the whole batch's candidates, in a pass before."""
    module, layer = module_of(ticket), Layer(inputs, weight, bias)
    rows = rows_of(module.loss, layer, labels, None, 0)
    plan = Plan((False, False, False), dtype, dtype, chunk_bytes, False)
    found = Pass(module, layer, rows, plan).find_threshold()
    return torch.tensor(found, dtype=torch.float64, device="cpu")


@linear_threshold.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    inputs: Tensor,  # noqa: ARG001
    weight: Tensor,  # noqa: ARG001
    bias: Tensor | None,  # noqa: ARG001
    labels: Tensor,  # noqa: ARG001
    dtype: torch.dtype,  # noqa: ARG001
    chunk_bytes: int,  # noqa: ARG001
) -> Tensor:
    return torch.empty((), dtype=torch.float64, device="cpu")


@torch.library.custom_op(
    "topkloss::linear_loss",
    mutates_args=(),
    schema=f"({_INPUTS}{_PLAN}, bool by_row, ScalarType value_dtype) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def linear_loss(
    ticket: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    sample_weight: Tensor | None,
    step: Tensor | None,
    threshold: Tensor | None,
    inputs_wanted: bool,
    weight_wanted: bool,
    bias_wanted: bool,
    dtype: torch.dtype,
    scores_dtype: torch.dtype,
    chunk_bytes: int,
    by_row: bool,
    value_dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Value, the gradients that are wanted of the sum of all rows, and what both are times.

    By row there are no gradients: they wait until it is known what the rows' values are times.
    """
    module = module_of(ticket)
    layer = Layer(inputs, weight, bias)
    rows = rows_of(module.loss, layer, labels, sample_weight, 0 if step is None else unsigned(step))
    wanted = (inputs_wanted, weight_wanted, bias_wanted)
    if by_row:
        wanted = (False, False, False)
    plan = Plan(wanted, dtype, scores_dtype, chunk_bytes, by_row)
    found = Pass(module, layer, rows, plan, threshold).run()
    one = number(1.0, torch.float64, inputs.device)
    if by_row:
        values = found.value.to(value_dtype, copy=False).reshape(inputs.shape[:-1])
        return values, *_given(found, inputs), one
    share = one
    if module.loss.reduction == "mean":
        total = total_weight(module.loss, rows)
        if total.is_cpu and not total.isfinite():
            raise TopKLossError(
                "the sum of the rows' weights is beyond float64", "TOPKLOSS_ERROR_NOT_FINITE"
            )
        # Where no row counts, value and gradients are 0 as they are.
        share = torch.where(total == 0, 1.0, 1 / total).to(inputs.device)
    value = (found.value * share).to(value_dtype)
    return value, *_given(found, inputs), share


@linear_loss.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    step: Tensor | None,  # noqa: ARG001
    threshold: Tensor | None,  # noqa: ARG001
    inputs_wanted: bool,
    weight_wanted: bool,
    bias_wanted: bool,
    dtype: torch.dtype,
    scores_dtype: torch.dtype,  # noqa: ARG001
    chunk_bytes: int,  # noqa: ARG001
    by_row: bool,
    value_dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    wanted = [not by_row and one for one in (inputs_wanted, weight_wanted, bias_wanted)]
    value = inputs.new_empty(inputs.shape[:-1] if by_row else (), dtype=value_dtype)
    share = inputs.new_empty((), dtype=torch.float64)
    return value, *_rooms(inputs, weight, bias, wanted, dtype), share


@torch.library.custom_op(
    "topkloss::linear_loss_vjp",
    mutates_args=(),
    schema=f"({_INPUTS}Tensor upstream, {_PLAN}) -> (Tensor, Tensor, Tensor)",
)
def linear_loss_vjp(
    ticket: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    sample_weight: Tensor | None,
    step: Tensor | None,
    threshold: Tensor | None,
    upstream: Tensor,
    inputs_wanted: bool,
    weight_wanted: bool,
    bias_wanted: bool,
    dtype: torch.dtype,
    scores_dtype: torch.dtype,
    chunk_bytes: int,
) -> Three:
    """By row: the gradients that are wanted of the sum of all values times their upstream."""
    module, layer = module_of(ticket), Layer(inputs, weight, bias)
    rows = rows_of(module.loss, layer, labels, sample_weight, 0 if step is None else unsigned(step))
    plan = Plan((inputs_wanted, weight_wanted, bias_wanted), dtype, scores_dtype, chunk_bytes, True)
    factors = upstream.reshape(-1).to(torch.float64)
    # What is not finite is no factor to the library, and would leave no gradient finite either.
    finite = factors.isfinite().all()
    made = Pass(module, layer, rows, plan, threshold).run(factors.nan_to_num(0.0, 0.0, 0.0))
    for each in made.gradients:
        if each is not None:
            each.add_(torch.where(finite, 0.0, torch.nan).to(each.device, each.dtype))
    return _given(made, inputs)


@linear_loss_vjp.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    step: Tensor | None,  # noqa: ARG001
    threshold: Tensor | None,  # noqa: ARG001
    upstream: Tensor,  # noqa: ARG001
    inputs_wanted: bool,
    weight_wanted: bool,
    bias_wanted: bool,
    dtype: torch.dtype,
    scores_dtype: torch.dtype,  # noqa: ARG001
    chunk_bytes: int,  # noqa: ARG001
) -> Three:
    wanted = (inputs_wanted, weight_wanted, bias_wanted)
    return _rooms(inputs, weight, bias, wanted, dtype)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ticket, *_ = inputs
    ctx.mark_non_differentiable(*output[1:])
    layer = inputs[1:4]
    ctx.kinds = [None if each is None else (each.shape, each.dtype) for each in layer]
    *ctx.plan, ctx.by_row, _ = inputs[8:]
    if ctx.by_row:
        ctx.save_for_backward(*inputs[:8])
        # Outside graphs nobody else may have the module any more by the time of the backward pass.
        ctx.module = module_of(ticket) if has_memory(ticket) else None
    else:
        ctx.save_for_backward(*output[1:])


def _backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    needed = ctx.needs_input_grad[1:4]
    if ctx.by_row:
        if ctx.module is not None:
            refuse_many_upstreams(upstream)
        *_wanted, dtype, scores_dtype, chunk_bytes = ctx.plan
        found = linear_loss_vjp(
            *ctx.saved_tensors, upstream, *needed, dtype, scores_dtype, chunk_bytes
        )
    else:
        *found, share = ctx.saved_tensors
        found = [
            _times(each, share * upstream) if one else each
            for each, one in zip(found, needed, strict=True)
        ]
    gradients = [
        each.reshape(kind[0]).to(kind[1]) if one else None
        for each, kind, one in zip(found, ctx.kinds, needed, strict=True)
    ]
    return None, *gradients, *[None] * 12


def _times(gradient: Tensor, factor: Tensor) -> Tensor:
    """A kept gradient times a number, without another of its size if it is not needed again."""
    if not gradient.dim():  # see _room
        raise RuntimeError(
            "this graph of topkloss.torch.linear_loss was traced with tensors that required no "
            "gradient, and has none: trace it again with tensors that require one"
        )
    if graph_is_kept() or not (has_memory(gradient) and has_memory(factor)):
        return gradient * factor
    return gradient.mul_(factor)


linear_loss.register_autograd(_backward, setup_context=_keep)

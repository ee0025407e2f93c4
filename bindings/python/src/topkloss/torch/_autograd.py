"""Evaluations under autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss.torch._evaluation import Evaluation


def _refuse_second_derivative() -> None:
    if torch.is_grad_enabled():  # create_graph=True: the gradient would pass for a constant
        raise RuntimeError(
            "topkloss losses can be differentiated only once: create_graph=True asks for "
            "second derivatives, which they do not have"
        )


def _times(gradient: Tensor | None, upstream: Tensor) -> Tensor | None:
    if gradient is None:
        return None
    if upstream.dim() == 1:
        return gradient * upstream[:, None]
    # It is 1 for a plain loss.backward().
    return gradient if upstream.item() == 1 else gradient * upstream


class _Together(torch.autograd.Function):
    """Value and gradients in one call, in the forward pass."""

    @staticmethod
    def forward(ctx: Any, evaluation: Evaluation, *scores: Tensor) -> Tensor:  # noqa: ARG004
        value, gradients = evaluation.run(ctx.needs_input_grad[1:])
        ctx.save_for_backward(*gradients)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_second_derivative()
        return None, *[_times(gradient, upstream) for gradient in ctx.saved_tensors]


class _InTurn(torch.autograd.Function):
    """The values in the forward pass; the gradient in the backward pass, when upstream is known."""

    @staticmethod
    def forward(ctx: Any, evaluation: Evaluation, scores: Tensor) -> Tensor:
        ctx.evaluation = evaluation
        ctx.save_for_backward(scores, *evaluation.constants)
        return evaluation.run()[0]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor | None]:
        _refuse_second_derivative()
        (scores, *_) = ctx.saved_tensors  # raises if one of them has been changed in place
        if not upstream.isfinite().all():
            return None, torch.full_like(scores, torch.nan)
        (gradient,) = ctx.evaluation.run((True,), upstream)[1]
        return None, gradient


def differentiable(
    evaluation: Evaluation, *scores: Tensor, rows_are_coupled: bool = False
) -> Tensor:
    """The value of an evaluation, differentiable once with respect to the scores of its heads.

    Args:
        evaluation: With everything added to it.
        scores: Those of each head that the evaluation was made with.
        rows_are_coupled: Whether one row's value depends on other rows' scores, so that gradients
            of single rows, which is what the library gives, say too little.
    """
    if not torch.is_grad_enabled() or not any(head.requires_grad for head in scores):
        return evaluation.run()[0]
    function = _InTurn if rows_are_coupled else _Together
    value: Tensor = function.apply(evaluation, *scores)  # type: ignore[no-untyped-call]
    return value

"""Evaluations under autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss import _abi
from topkloss._evaluation import RESULT_SIZE, call
from topkloss._loss import Loss
from topkloss.torch._evaluation import Evaluation, plain_batch
from topkloss.torch._modes import has_tangent, in_forward_mode
from topkloss.torch._staging import staged
from topkloss.torch._tensors import scalar


def refuse_second_derivative() -> None:
    """Called by every backward pass."""
    if torch.is_grad_enabled():  # create_graph=True: the gradient would pass for a constant
        raise RuntimeError(
            "topkloss losses can be differentiated only once: create_graph=True asks for "
            "second derivatives, which they do not have"
        )


def _refuse_tangents(*scores: Tensor) -> None:
    """Refuses scores with a tangent of forward mode, whose value would have none."""
    if any(map(has_tangent, scores)):
        raise RuntimeError(
            "topkloss losses have no forward-mode derivative: differentiate them in reverse mode, "
            "with backward() or torch.autograd.grad"
        )


def _times(gradient: Tensor | None, upstream: Tensor) -> Tensor | None:
    if gradient is None:
        return None
    if upstream.dim() == 1:
        return gradient * upstream[:, None]
    # It is 1 for a plain loss.backward(), but asking a device for it would wait for the device.
    plain = upstream.is_cpu and upstream.item() == 1
    return gradient if plain else gradient * upstream


class _Together(torch.autograd.Function):
    """Value and gradients in one call, in the forward pass.

    A plain backward pass hands out the kept gradient itself, without a copy: see the module's
    documentation for what follows for ``retain_graph=True``.
    """

    @staticmethod
    def forward(ctx: Any, evaluation: Evaluation, *scores: Tensor) -> Tensor:  # noqa: ARG004
        value, gradients = evaluation.run(ctx.needs_input_grad[1:])
        ctx.save_for_backward(*gradients)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        return None, *[_times(gradient, upstream) for gradient in ctx.saved_tensors]


class _Plain(torch.autograd.Function):
    """The same for a plain batch (see `plain_batch`), whose tensors the arguments keep alive."""

    @staticmethod
    def forward(
        ctx: Any,
        handle: int,
        batch: _abi.batch,
        logits: Tensor,
        labels: Tensor,  # noqa: ARG004
    ) -> Tensor:
        gradient = torch.empty_like(logits)
        ctx.save_for_backward(gradient)
        return _plain_value(handle, batch, logits, gradient.data_ptr())

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        (gradient,) = ctx.saved_tensors
        return None, None, _times(gradient, upstream), None


def _plain_value(handle: int, batch: _abi.batch, logits: Tensor, gradient: int | None) -> Tensor:
    result = _abi.result(RESULT_SIZE, 0.0, 0.0, None, gradient, 0)
    return scalar(call(handle, batch, result), logits)


def evaluate_plain(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor | None:
    """The reduced value of a plain batch under autograd; None if it is another batch."""
    batch = plain_batch(logits, labels)
    if batch is None:
        return None
    if in_forward_mode():
        _refuse_tangents(logits)
    handle = loss._handle
    if not (logits.requires_grad and torch.is_grad_enabled()):
        return _plain_value(handle, batch, logits, None)
    value: Tensor = _Plain.apply(handle, batch, logits, labels)
    return value


class _InTurn(torch.autograd.Function):
    """The values in the forward pass; the gradient in the backward pass, when upstream is known."""

    @staticmethod
    def forward(ctx: Any, evaluation: Evaluation, scores: Tensor) -> Tensor:
        ctx.evaluation = evaluation
        ctx.save_for_backward(scores, *evaluation.constants)
        return evaluation.run()[0]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor | None]:
        refuse_second_derivative()
        (scores, *_) = ctx.saved_tensors  # raises if one of them has been changed in place
        (factors,) = staged(upstream)
        if not factors.isfinite().all():
            return None, torch.full_like(scores, torch.nan)
        (gradient,) = ctx.evaluation.run((True,), factors)[1]
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
    _refuse_tangents(*scores)
    if not torch.is_grad_enabled() or not any(head.requires_grad for head in scores):
        return evaluation.run()[0]
    function = _InTurn if rows_are_coupled else _Together
    value: Tensor = function.apply(evaluation, *scores)
    return value

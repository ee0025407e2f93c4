"""Evaluations under autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss import _abi
from topkloss._evaluation import RESULT_SIZE, call
from topkloss._loss import Loss
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._inplace import spent, written_over
from topkloss.torch._layouts import by_rows
from topkloss.torch._modes import graph_is_kept, has_tangent, in_forward_mode
from topkloss.torch._plain import plain_batch
from topkloss.torch._tensors import has_memory, scalar


def refuse_second_derivative() -> None:
    """Called by every backward pass."""
    if torch.is_grad_enabled():  # create_graph=True: the gradient would pass for a constant
        raise RuntimeError(
            "topkloss losses can be differentiated only once: create_graph=True asks for "
            "second derivatives, which they do not have"
        )


def refuse_many_upstreams(upstream: Tensor) -> None:
    """Called by backward passes that call the library, which takes one upstream at a time."""
    if not has_memory(upstream):
        raise RuntimeError(
            "the rows of this topkloss loss depend on each other, so that its gradients by row "
            "cannot be asked for many at a time: leave out is_grads_batched (vectorize=True), and "
            "call torch.autograd.grad for each"
        )


def refuse_tangents(*scores: Tensor) -> None:
    """Refuses scores with a tangent of forward mode, whose value would have none."""
    if any(map(has_tangent, scores)):
        raise RuntimeError(
            "topkloss losses have no forward-mode derivative: differentiate them in reverse mode, "
            "with backward() or torch.autograd.grad"
        )


def _times(gradient: Tensor | None, upstream: Tensor) -> Tensor | None:
    """The backward pass of a kept gradient, of which nothing that is kept is handed out."""
    if gradient is None:
        return None
    # Whoever gets it may change it, also where PyTorch does not see that: in NumPy, say.
    is_kept = graph_is_kept()
    if not upstream.dim() and _is_one(upstream):
        return gradient.clone() if is_kept else gradient
    factors = by_rows(upstream, gradient)
    if is_kept or not has_memory(upstream):  # or many in one: is_grads_batched
        return gradient * factors
    return gradient.mul_(factors)  # without another matrix of the logits' size


def _is_one(upstream: Tensor) -> bool:
    """Whether what comes from above is 1, as it is for a plain ``loss.backward()``."""
    if not upstream.is_cpu:
        return False  # asking a device would wait for the device
    try:
        return upstream.item() == 1
    except RuntimeError:  # many in one: is_grads_batched
        return False


class _Together(torch.autograd.Function):
    """Value and gradients in one call, in the forward pass."""

    @staticmethod
    def forward(ctx: Any, evaluation: Evaluation, inplace: bool, *scores: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[2:]
        over = written_over(scores, wanted) if inplace else ()
        value, gradients = evaluation.run(wanted, over=over)
        ctx.save_for_backward(*gradients)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        return None, None, *[_times(gradient, upstream) for gradient in ctx.saved_tensors]


class _Plain(torch.autograd.Function):
    """The same for a plain batch (see `plain_batch`), whose tensors the arguments keep alive."""

    @staticmethod
    def forward(
        ctx: Any,
        loss: Loss,
        batch: _abi.batch,
        logits: Tensor,
        labels: Tensor,  # noqa: ARG004
        inplace: bool,
    ) -> Tensor:
        gradient = spent(logits).detach() if inplace else torch.empty_like(logits)
        ctx.save_for_backward(gradient)
        return _plain_value(loss, batch, logits, gradient.data_ptr())

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        (gradient,) = ctx.saved_tensors
        return None, None, _times(gradient, upstream), None, None


def _plain_value(loss: Loss, batch: _abi.batch, logits: Tensor, gradient: int | None) -> Tensor:
    result = _abi.result(RESULT_SIZE, 0.0, 0.0, None, gradient, 0)
    return scalar(call(loss, batch, result), logits)


def evaluate_plain(loss: Loss, logits: Tensor, labels: Tensor, inplace: bool) -> Tensor | None:
    """The reduced value of a plain batch under autograd; None if it is another batch."""
    batch = plain_batch(logits, labels)
    if batch is None:
        return None
    if in_forward_mode():
        refuse_tangents(logits)
    if not (logits.requires_grad and torch.is_grad_enabled()):
        return _plain_value(loss, batch, logits, None)
    value: Tensor = _Plain.apply(loss, batch, logits, labels, inplace)
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
        refuse_many_upstreams(upstream)
        return None, ctx.evaluation.gradient(upstream, scores)


def differentiable(
    evaluation: Evaluation,
    *scores: Tensor,
    rows_are_coupled: bool = False,
    inplace: bool = False,
) -> Tensor:
    """The value of an evaluation, differentiable once with respect to the scores of its heads.

    Args:
        evaluation: With everything added to it.
        scores: Those of each head that the evaluation was made with.
        rows_are_coupled: Whether one row's value depends on other rows' scores, so that gradients
            of single rows, which is what the library gives, say too little.
        inplace: Whether the gradients are written over the scores; not where rows are coupled,
            whose gradients are computed in the backward pass.
    """
    refuse_tangents(*scores)
    if not torch.is_grad_enabled() or not any(head.requires_grad for head in scores):
        return evaluation.run()[0]
    value: Tensor
    if rows_are_coupled:
        value = _InTurn.apply(evaluation, *scores)
    else:
        value = _Together.apply(evaluation, inplace, *scores)
    return value

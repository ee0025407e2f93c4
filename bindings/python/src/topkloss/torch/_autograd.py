"""A loss as an autograd function: value and gradient together, in the forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from topkloss import _abi
from topkloss._evaluation import BATCH_SIZE, RESULT_SIZE, call
from topkloss._loss import Loss
from topkloss.torch._tensors import (
    element_stride,
    label_vector,
    matrix,
    noise_block,
    row_weights,
)


def _evaluate(
    loss: Loss,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None,
    step: int,
    gradient: bool,
) -> tuple[Tensor, Tensor | None]:
    """The value, or one a row, in the dtype of the logits, and the gradient if wanted."""
    scores, dtype = matrix("logits", logits)
    rows, classes = scores.shape
    indices, label_type = label_vector("labels", labels, rows)

    batch = _abi.batch(BATCH_SIZE, rows, classes, dtype, label_type)
    batch.logits = scores.data_ptr()
    batch.logits_row_stride = element_stride(scores, 0)
    batch.labels = indices.data_ptr()
    # Locals keep every tensor alive until the call has ended.
    if sample_weight is not None:
        weights = row_weights("sample_weight", sample_weight, rows)
        batch.sample_weight = weights.data_ptr()
    if noise is not None:
        arithmetic = torch.float64 if scores.dtype == torch.float64 else torch.float32
        samples: int = loss.n_samples  # type: ignore[attr-defined]
        block = noise_block("noise", noise, (rows, samples, classes), arithmetic)
        batch.noise = block.data_ptr()
        batch.noise_row_stride = element_stride(block, 0)
        batch.noise_sample_stride = element_stride(block, 1)
    batch.step = step

    result = _abi.result(RESULT_SIZE)
    values = grad = None
    if loss.reduction == "none":
        values = torch.empty(rows, dtype=scores.dtype)
        result.row_values = values.data_ptr()
    if gradient:
        grad = torch.empty((rows, classes), dtype=scores.dtype)
        result.gradient = grad.data_ptr()
    value = call(loss._handle, batch, result)
    return torch.scalar_tensor(value, dtype=scores.dtype) if values is None else values, grad


class _Evaluation(torch.autograd.Function):
    """The loss as a function of the logits; everything else is constant."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        loss: Loss,
        labels: Tensor,
        sample_weight: Tensor | None,
        noise: Tensor | None,
        step: int,
    ) -> Tensor:
        value, gradient = _evaluate(loss, logits, labels, sample_weight, noise, step, True)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        if torch.is_grad_enabled():  # create_graph=True: the gradient would pass for a constant
            raise RuntimeError(
                "topkloss losses can be differentiated only once: create_graph=True asks for "
                "second derivatives, which they do not have"
            )
        (gradient,) = ctx.saved_tensors
        if grad_output.dim() == 1:
            gradient = gradient * grad_output[:, None]
        elif grad_output.item() != 1:  # it is 1 for a plain loss.backward()
            gradient = gradient * grad_output
        return gradient, None, None, None, None, None


class LossModule(nn.Module):
    """The base of every loss in `topkloss.torch`: no parameters, and no buffers.

    Attributes:
        loss: The loss of the same name in `topkloss`, immutable, with all options as attributes.
    """

    loss: Loss

    def __init__(self, loss: Loss) -> None:
        """Wraps a loss. Called by the modules themselves."""
        super().__init__()
        self.loss = loss

    def _forward(
        self,
        logits: Tensor,
        labels: Tensor,
        sample_weight: Tensor | None,
        noise: Tensor | None = None,
        step: int = 0,
    ) -> Tensor:
        wanted = torch.is_grad_enabled() and isinstance(logits, Tensor) and logits.requires_grad
        if wanted:
            arguments = logits, self.loss, labels, sample_weight, noise, step
            value: Tensor = _Evaluation.apply(*arguments)  # type: ignore[no-untyped-call]
            return value
        return _evaluate(self.loss, logits, labels, sample_weight, noise, step, False)[0]

    def forward(
        self, logits: Tensor, labels: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, differentiable once with respect to the logits.

        Args:
            logits: Scores, of shape (B, C), in the CPU's memory, in float32, float64, float16 or
                bfloat16. They are read where they are if their classes lie one after another.
            labels: B class indices in [0, C), or the ignored one.
            sample_weight: B finite numbers that multiply the loss of each row. Default 1.

        Returns:
            A scalar, or for the reduction ``"none"`` B values, of the dtype of the logits. If all
            rows are ignored, the mean is 0 with gradient 0, where PyTorch's losses give NaN.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        return self._forward(logits, labels, sample_weight)

    def extra_repr(self) -> str:
        """The options that differ from their defaults, for the module's text."""
        return repr(self.loss).partition("(")[2][:-1]

"""The last linear layer and a loss together, as a function with autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import topkloss.torch._operators as operators
from topkloss._chunks import chunk_bytes_of, refuse_compared_rows
from topkloss.errors import TopKLossError
from topkloss.torch._autocast import HALVES
from topkloss.torch._autograd import refuse_tangents
from topkloss.torch._base import LossModule, require_module
from topkloss.torch._compiled import drawn_step, without_gradients
from topkloss.torch._noised import NoisedModule
from topkloss.torch._tensors import FLOAT_CODES, is_soft, with_memory
from topkloss.torch._two_heads import TwoHeadModule


def linear_loss(
    criterion: LossModule,
    inputs: Tensor,
    weight: Tensor,
    labels: Tensor,
    bias: Tensor | None = None,
    *,
    sample_weight: Tensor | None = None,
    step: int | None = None,
    chunk_bytes: int | None = None,
) -> Tensor:
    """The loss of ``torch.nn.functional.linear(inputs, weight, bias)``, without B x C logits.

    The logits are computed a chunk of rows at a time, become their own gradient in place, and are
    gone: what is needed besides the arguments is a chunk and the gradients of inputs, weight and
    bias, which are made in the forward pass. What requires no gradient (a frozen weight, say) costs
    none. The answer is that of the logits as a whole, to rounding; rows of noise are numbered
    through, so that noise does not depend on chunks.

        head = torch.nn.Linear(256, 50_000)
        criterion = topkloss.torch.LogitAdjustedLoss(class_counts)
        value = topkloss.torch.linear_loss(
            criterion, features, head.weight, labels, head.bias
        )
        value.backward()

    A loss of two heads takes the layers of both as one, of 2 C outputs: the softmax head's, then
    the multi-label head's. Its threshold is that of the whole batch, found in a pass before, which
    computes the softmax head's logits once more. Scores that equal the
    threshold, but for rounding, are all candidates, where the module would take the first
    of them.

        heads = torch.nn.Linear(256, 2 * 50_000)
        criterion = topkloss.torch.TwoHeadAverageKLoss(5)
        value = topkloss.torch.linear_loss(
            criterion, features, heads.weight, labels, heads.bias
        )

    By row (the reduction ``"none"``) the backward pass computes the logits again, since only then
    it is known what the rows' values are multiplied by.

    Under autocast products are of its dtype, as those of a linear layer are, and the gradients of
    weight and bias are added up in float32. In a graph of `torch.compile` it is one operator,
    without a graph break. There is no second derivative.

    Args:
        criterion: Any module of `topkloss.torch`, but for `SinglePositiveLoss` with ``"epr"``,
            whose rows need all logits.
        inputs: Of shape (..., D), in float32, float64, float16 or bfloat16.
        weight: Of shape (C, D), of two heads (2 C, D), and under no autocast of the dtype of the
            inputs.
        labels: Class indices of shape (...), or the ignored one; or soft labels of shape (..., C).
        bias: Of shape (C), of two heads (2 C). Default: none.
        sample_weight: A finite number of 0 or more for each row, of shape (...). Default 1.
        step: For noised losses: which noise to draw, as for the module; one step for all chunks.
        chunk_bytes: What the logits of a chunk may take; a chunk has one row at least. Default:
            twice the weight, or 64 MiB if that is more.

    Returns:
        A scalar, or for the reduction ``"none"`` values of shape (...), of the dtype of the logits
        (under autocast at least float32).

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    _check_criterion(criterion, step)
    for name, tensor in (("inputs", inputs), ("weight", weight), ("bias", bias)):
        if tensor is not None or name != "bias":
            _check_numbers(name, tensor)
    budget = chunk_bytes_of(chunk_bytes)
    given = [inputs, weight] if bias is None else [inputs, weight, bias]
    dtype, is_cast = _product_dtype(given)
    by_row = criterion._by_row
    half = is_cast and dtype in HALVES
    # As `autocast_scores` has it.
    widened = half and (dtype == torch.float16 or by_row or is_soft(labels))
    if not torch.compiler.is_compiling():
        refuse_tangents(*given)
    inputs = without_gradients(inputs, labels=labels, sample_weight=sample_weight)
    taken = None
    if isinstance(criterion, NoisedModule):
        inputs, taken = drawn_step(criterion, inputs, None, step)
    threshold = None
    if isinstance(criterion, TwoHeadModule):
        layer = [None if each is None else each.detach() for each in (inputs, weight, bias)]
        found = operators.linear_threshold(criterion._ticket, *layer, labels, dtype, budget)
        threshold = criterion._begin(found)
    wanted = [torch.is_grad_enabled() and each.requires_grad for each in given]
    value: Tensor = operators.linear_loss(
        criterion._ticket,
        inputs,
        weight,
        bias,
        labels,
        sample_weight,
        taken,
        threshold,
        *wanted,
        *[False] * (3 - len(wanted)),
        dtype,
        torch.float32 if widened else dtype,
        budget,
        by_row,
        torch.float32 if half else dtype,
    )[0]
    return value


def _check_criterion(criterion: Any, step: Any) -> None:
    require_module(criterion)
    if criterion._rows_are_compared:
        refuse_compared_rows(criterion.loss)
    if step is not None and not isinstance(criterion, NoisedModule):
        raise TopKLossError(
            f"step is {step!r}, and {type(criterion).__name__} draws no noise",
            "TOPKLOSS_ERROR_OPTION",
        )


def _check_numbers(name: str, tensor: Any) -> None:
    if not torch.compiler.is_compiling():
        with_memory(name, tensor)
    if tensor.dtype not in FLOAT_CODES:
        raise TopKLossError(
            f"{name} has dtype {tensor.dtype}; it must be float32, float64, float16 or bfloat16",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )


def _product_dtype(given: list[Tensor]) -> tuple[torch.dtype, bool]:
    """Which dtype products are computed in, and whether autocast says so."""
    dtypes = {each.dtype for each in given}
    device = given[0].device.type
    for each in given:
        if each.device != given[0].device:
            raise TopKLossError(
                f"inputs is on the device {given[0].device}, and weight or bias on {each.device}",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
    if torch.float64 not in dtypes and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device), True
    if len(dtypes) > 1:
        raise TopKLossError(
            "inputs, weight and bias are of the dtypes "
            f"{', '.join(str(each.dtype) for each in given)}; they must be of one",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    return given[0].dtype, False

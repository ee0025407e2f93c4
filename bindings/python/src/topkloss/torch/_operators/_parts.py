"""What operators are made of: numbers in schemas, room for results, kept gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss.torch._layouts import by_rows, row_shape

SIGN = 1 << 63
"""Unsigned 64-bit numbers are in schemas and tensors as int64 of the same bits."""


def signed(number: Any) -> Any:
    """The int64 with the bits of an unsigned number."""
    return number - 2 * SIGN if number >= SIGN else number


def unsigned(number: int | Tensor) -> int:
    """The unsigned number with the bits of an int64."""
    return int(number) % (2 * SIGN)


def room_for_values(scores: Tensor, by_row: bool, dtype: torch.dtype) -> Tensor:
    """What stands for a value, or one a row, where shapes and dtypes are all that is known."""
    return scores.new_empty(row_shape(scores) if by_row else (), dtype=dtype)


def or_nothing(gradient: Tensor | None, scores: Tensor) -> Tensor:
    """A gradient, or what stands for one that is not wanted: schemas know no optional results."""
    return scores.new_zeros(()) if gradient is None else gradient


def room_for_gradient(scores: Tensor, wanted: bool) -> Tensor:
    """The same for what `or_nothing` returns."""
    return torch.empty_like(scores) if wanted else scores.new_zeros(())


def times(gradient: Tensor, upstream: Tensor) -> Tensor:
    """The backward pass: a kept gradient, times what comes from above for the batch or each row."""
    if not gradient.dim():  # see or_nothing
        raise RuntimeError(
            "this graph of a topkloss loss was traced with logits that required no gradient, and "
            "has none: trace it again with logits that require one"
        )
    return gradient * by_rows(upstream, gradient)


def keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:  # noqa: ARG001
    """Keeps the gradient of operators that give a value and a gradient."""
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])

"""Arguments that a graph can be traced with, but not run with."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss.errors import TopKLossError


@torch.library.custom_op(
    "topkloss::refused",
    mutates_args=(),
    schema="(Tensor scores, str message, str status) -> Tensor",
)
def refused(scores: Tensor, message: str, status: str) -> Tensor:  # noqa: ARG001
    """Stands before an operator whose arguments are wrong in a way that it cannot see.

    It raises when the graph runs, since while one is traced nothing can be raised in words.
    """
    raise TopKLossError(message, status)


@refused.register_fake
def _(scores: Tensor, message: str, status: str) -> Tensor:  # noqa: ARG001
    return torch.empty_like(scores)

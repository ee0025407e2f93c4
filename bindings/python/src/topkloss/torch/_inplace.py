"""Gradients that are written over the logits, and what autograd has to know of it.

The logits' version is counted up, as by every operation in place, so that who has kept them for
its own backward pass gets PyTorch's error there. Who uses them only afterwards would have kept the
new version, and get the gradient for the logits: so they are, from then on, the output of an
operation whose backward pass refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class _Spent(torch.autograd.Function):
    """Stands behind logits that are logits no more.

    Of one output, since PyTorch lets no other function change a view in place.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        ctx.mark_dirty(scores)
        return scores

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # noqa: ARG004
        # Nothing comes from above where the logits were a view, and only the rest of what they were
        # a view of is in use.
        if upstream.any():
            raise RuntimeError(
                "the logits that a topkloss loss was given have been modified by an inplace "
                "operation: with inplace=True it writes its gradient over them. Use them before "
                "it, or their copy, or leave inplace out"
            )
        return upstream


def written_over(scores: Sequence[Tensor], wanted: Sequence[bool]) -> list[Tensor | None]:
    """The scores of each head whose gradient is wanted, once autograd knows that it is over them.

    Called in a forward pass, which has its edges to what made the scores already, and before
    anything is written.

    Raises:
        RuntimeError: PyTorch does not let them be changed in place.
    """
    return [spent(head) if one else None for head, one in zip(scores, wanted, strict=True)]


def spent(scores: Tensor) -> Tensor:
    """The same of scores that require a gradient."""
    refuse_leaf(scores)
    with torch.enable_grad():
        _Spent.apply(scores)
    return scores


def refuse_leaf(scores: Tensor) -> None:
    """Refuses scores that require a gradient of their own, and are not to be changed in place."""
    base = scores._base
    if scores.is_leaf or (base is not None and base.is_leaf and base.requires_grad):
        # PyTorch's own words, before the fact; of a view, PyTorch 2.6 says nothing after it.
        which = "a leaf" if base is None else "a view of a leaf"
        raise RuntimeError(
            f"{which} Variable that requires grad is being used in an in-place operation."
        )

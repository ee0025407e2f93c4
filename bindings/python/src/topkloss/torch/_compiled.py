"""How modules call the library inside `torch.compile` and `torch.export`: by operators.

Called by the modules where `torch.compiler.is_compiling`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from topkloss.torch import _operators
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._tensors import of_no_gradient

if TYPE_CHECKING:
    from topkloss.torch._average_k import TwoHeadAverageKLoss
    from topkloss.torch._module import OneHeadModule


def without_gradients(scores: Tensor, **constants: Tensor | None) -> Tensor:
    """The scores, if none of the other tensors requires a gradient.

    Operators do not see whether one does: its gradient would be missing without a word.
    """
    for name, value in constants.items():
        if value is not None and value.requires_grad:
            return refused(scores, of_no_gradient(name))
    return scores


def refused(scores: Tensor, message: str, status: str = "TOPKLOSS_ERROR_OPTION") -> Tensor:
    """In place of the scores: raises `TopKLossError` when the graph runs."""
    stopped: Tensor = _operators.refused(scores.detach(), message, status)
    return stopped


def _wanted(scores: Tensor) -> bool:
    return torch.is_grad_enabled() and scores.requires_grad


def one_head(
    module: OneHeadModule,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None = None,
    step: Tensor | None = None,
) -> Tensor:
    """The value of a loss of one head, step an int64 if the loss is noised."""
    by_row = module._by_row
    (scores,), dtype = autocast_scores(logits, by_row=by_row)
    scores = without_gradients(scores, sample_weight=sample_weight, noise=noise)
    value: Tensor = _operators.one_head(
        module._ticket,
        scores,
        labels,
        sample_weight,
        noise,
        step,
        by_row,
        _wanted(scores),
        dtype or scores.dtype,
    )[0]
    return value


def noise_step(module: OneHeadModule, noise: Tensor | None, step: Any) -> Tensor:
    """Which noise to draw: as `topkloss.NoisedTopKLoss._step`, in a tensor."""
    if step is None and noise is None:
        taken: Tensor = _operators.take_step(module._ticket)
        return taken
    if isinstance(step, Tensor):
        return step.to("cpu", torch.int64)
    number = 0 if step is None else _operators.signed(step)
    return torch.full((), number, dtype=torch.int64, device="cpu")


def coupled_rows(
    module: OneHeadModule, logits: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> Tensor:
    """The values of a loss by row, where rows depend on each other."""
    (scores,), _ = autocast_scores(logits, by_row=True)
    scores = without_gradients(scores, sample_weight=sample_weight)
    values: Tensor = _operators.coupled_rows(module._ticket, scores, labels, sample_weight)
    return values


def two_heads(
    module: TwoHeadAverageKLoss,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    threshold: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The value of a loss of two heads, and the threshold that chose the candidates."""
    by_row = module._by_row
    (first, second), dtype = autocast_scores(logits, multi_label_logits, by_row=by_row)
    first = without_gradients(first, sample_weight=sample_weight)
    value, _, _, used = _operators.two_heads(
        module._ticket,
        first,
        second,
        labels,
        sample_weight,
        threshold,
        by_row,
        _wanted(first),
        _wanted(second),
        dtype or first.dtype,
    )
    return value, used

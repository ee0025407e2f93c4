"""What `torch.autocast` asks of a loss: PyTorch's own then compute in float32."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from topkloss.torch._tensors import is_soft

HALVES = (torch.float16, torch.bfloat16)

Scores = TypeVar("Scores", bound=tuple[Tensor, ...])


def autocast_scores(
    *scores: Tensor, by_row: bool, labels: Tensor
) -> tuple[tuple[Tensor, ...], torch.dtype | None]:
    """The scores of each head as a loss reads them, and the dtype of its value if it is not theirs.

    Under autocast a value is float32, as that of ``torch.nn.functional.cross_entropy`` is, also
    where the scores are bfloat16. Those are read as they are, and their gradient is bfloat16,
    since a conversion would only be rounded back. It is made where something would be lost:

    - of float16, which `torch.amp.GradScaler` is for: gradients too small for it must be
      multiplied before they are rounded;
    - where a value is asked for each row, since the library writes those in the scores' dtype;
    - where labels are soft, since it reads those in the scores' dtype;
    - where two heads differ.

    Outside autocast nothing is converted.
    """
    dtypes = {head.dtype for head in scores if isinstance(head, Tensor)}
    if dtypes.isdisjoint(HALVES):
        return scores, None
    if not all(isinstance(head, Tensor) for head in scores):
        return scores, None  # refused in words later
    if not torch.is_autocast_enabled(scores[0].device.type):
        return scores, None
    if dtypes == {torch.bfloat16} and not by_row and not is_soft(labels):
        return scores, torch.float32
    return tuple(head.float() if head.dtype in HALVES else head for head in scores), None

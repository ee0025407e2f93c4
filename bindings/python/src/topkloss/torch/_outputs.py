"""Tensors out: new ones, in the CPU's memory whatever PyTorch's default device is."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss.torch._layouts import strides_of
from topkloss.torch._staging import pinned, pinned_like


def room_for_values(shape: tuple[int, ...], scores: Tensor, *, to_be_sent: bool) -> Tensor:
    """One number for each row, of the dtype of the scores; to_be_sent: to a device."""
    return pinned(shape, scores.dtype) if to_be_sent else scores.new_empty(shape)


class Gradient:
    """The gradient of one head, in the layout of its scores, or the dense one that is next to it.

    Attributes:
        name: That of the member of a result.
        buffer: What C writes to.
        strides: Those of the buffer.
    """

    def __init__(self, name: str, scores: Tensor, *, to_be_sent: bool) -> None:
        self.name = name
        self._tensor = pinned_like(scores) if to_be_sent else torch.empty_like(scores)
        self.buffer = self._tensor
        strides = strides_of(self.buffer)
        if strides is None:
            self.buffer = scores.new_empty(scores.shape)
            strides = strides_of(self.buffer)
            assert strides is not None
        self.strides = strides

    def finished(self) -> Tensor:
        """The gradient, once the buffer is written."""
        if self._tensor is not self.buffer:
            self._tensor.copy_(self.buffer)
        return self._tensor

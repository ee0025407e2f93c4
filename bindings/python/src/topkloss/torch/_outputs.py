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

    It is new memory, or written over the scores. Where C reads a copy of those, which cannot walk
    them or has no way to where they are, it writes over the copy.

    Attributes:
        name: That of the member of a result.
        buffer: What C writes to.
        strides: Those of the buffer.
        is_over: Whether it is written over the scores, and so where the caller wants it.
    """

    def __init__(
        self,
        name: str,
        scores: Tensor,
        *,
        to_be_sent: bool,
        read: Tensor,
        over: Tensor | None = None,
    ) -> None:
        """Finds room for it.

        Args:
            name: That of the member of a result.
            scores: Those of the head.
            to_be_sent: Whether it is sent to a device.
            read: The scores as C reads them: themselves, or a copy of this call's own.
            over: The tensor that it is written over: the scores, or what they were staged from.
        """
        self.name = name
        if over is None:
            self._tensor = pinned_like(scores) if to_be_sent else torch.empty_like(scores)
            self.buffer = self._tensor
        else:
            self._tensor, self.buffer = over.detach(), read
        self.is_over = over is not None
        self._is_apart = self.is_over and read is not over
        strides = strides_of(self.buffer)
        if strides is None:
            self.buffer, self._is_apart = scores.new_empty(scores.shape), True
            strides = strides_of(self.buffer)
            assert strides is not None
        self.strides = strides

    def finished(self) -> Tensor:
        """The gradient, once the buffer is written."""
        if self._is_apart:
            self._tensor.copy_(self.buffer, non_blocking=True)
        return self._tensor

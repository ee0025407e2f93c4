"""The scores of a batch a few rows at a time, in the type that the library computes in.

What several processes have to agree on before any of them can call the library (which probabilities
of the whole batch are candidates, say) is found by PyTorch's own operators, where the scores are,
and without another matrix of their size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from topkloss.torch._autocast import HALVES
from topkloss.torch._layouts import row_shape

_NUMBERS = 1 << 18
"""What a piece has of each matrix, unless one image has more."""


class RowPieces:
    """The rows of a batch that count: not those to be ignored, nor any with NaN or +inf.

    Attributes:
        device: Where they are.
        arithmetic: float64 for scores of float64, float32 for all others.
    """

    def __init__(self, heads: Sequence[Tensor], labels: Tensor, ignored: int) -> None:
        """Looks at the batch.

        Args:
            heads: The scores of each head, of shape (C), (N, C) or (N, C, d1, ..., dm).
            labels: One for each row.
            ignored: The label of rows to leave out.
        """
        self._heads = [head.detach() for head in heads]
        self.device = self._heads[0].device
        labels = labels.to(self.device).reshape(row_shape(self._heads[0]))
        if self._heads[0].dim() == 1:
            self._heads, labels = [head[None] for head in self._heads], labels[None]
        self._labels, self._ignored = labels, ignored
        self.classes = self._heads[0].shape[1]
        is_half = self._heads[0].dtype in HALVES
        self.arithmetic = torch.float32 if is_half else self._heads[0].dtype

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The first head's scores of some rows, (r, C), and which of these rows count."""
        groups = len(self._labels)
        for first in range(0, groups, self._step):
            part = slice(first, min(groups, first + self._step))
            pieces = [self._matrix(head[part]) for head in self._heads]
            # Of uint8 PyTorch would compare with the ignored label as it is in uint8: 156 for -100.
            counts = self._labels[part].reshape(-1).long() != self._ignored
            for piece in pieces:
                counts &= piece.amax(dim=1) < torch.inf  # NaN is not, and is the highest
            yield pieces[0], counts

    @property
    def _step(self) -> int:
        return max(1, _NUMBERS * len(self._labels) // max(1, self._heads[0].numel()))

    def _matrix(self, part: Tensor) -> Tensor:
        return part.movedim(1, -1).reshape(-1, self.classes).to(self.arithmetic)

    def flat(self, of_rows: Tensor | None) -> Any:
        """What there is one of for each row, in the same pieces; without it, an endless 1."""
        if of_rows is None:
            while True:
                yield 1.0
        numbers = of_rows.to(self._heads[0].device, torch.float64).reshape(self._labels.shape)
        for first in range(0, len(numbers), self._step):
            yield numbers[first : first + self._step].reshape(-1)

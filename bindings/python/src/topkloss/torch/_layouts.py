"""Where the rows and the classes of a tensor lie: as PyTorch's losses have it, and as C walks it.

The classes are dimension 1, of a single row dimension 0; all other dimensions are rows, in order.
To C, rows are in groups, within which they are at one distance: the images of a batch are groups,
their pixels rows. So a tensor is read, and its gradient written, where it is, `channels_last` or
not, as long as the dimensions behind the classes are as one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor


def class_axis(dimensions: int) -> int:
    """Which of so many dimensions of scores are the classes."""
    return min(dimensions - 1, 1)


def row_shape(scores: Tensor) -> tuple[int, ...]:
    """The shape of what there is one of for each row: of labels, and of values by row."""
    axis = class_axis(scores.dim())
    return (*scores.shape[:axis], *scores.shape[axis + 1 :])


def by_rows(of_rows: Tensor, scores: Tensor) -> Tensor:
    """What there is one of for each row, with an axis of classes, to be multiplied with scores."""
    return of_rows.unsqueeze(class_axis(scores.dim())) if of_rows.dim() else of_rows


class Strides(NamedTuple):
    """Elements from one row, class and group of a tensor to the next; 0 where there is one."""

    row: int
    classes: int
    group: int

    def write(self, struct: Any, name: str) -> None:
        """Into the members of a struct that are for a matrix of this name."""
        setattr(struct, f"{name}_row_stride", self.row)
        setattr(struct, f"{name}_class_stride", self.classes)
        setattr(struct, f"{name}_group_stride", self.group)


def _stride(size: int, stride: int) -> int:
    return stride if size > 1 else 0


def strides_of(scores: Tensor) -> Strides | None:
    """The strides of a tensor, whose groups are its first dimension; None if C cannot walk it."""
    if not scores.numel():
        return Strides(0, 0, 0)  # PyTorch calls any strides contiguous then
    if scores.dim() == 2 and scores.is_contiguous():  # the usual case, in few steps
        groups, count = scores.shape
        return Strides(0, _stride(count, 1), _stride(groups, count))
    sizes, strides = [*scores.shape], [*scores.stride()]
    if any(size > 1 and stride == 0 for size, stride in zip(sizes, strides, strict=True)):
        return None  # repeated by PyTorch, but to C a stride of 0 is one that is not given
    axis = class_axis(len(sizes))
    classes = _stride(sizes.pop(axis), strides.pop(axis))
    group = _stride(sizes.pop(0), strides.pop(0)) if sizes else 0
    rows, row = 1, 0
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size == 1:
            continue
        if rows > 1 and stride != rows * row:
            return None
        row = row or stride
        rows *= size
    return Strides(row, classes, group)


def rows_per_group(shape: tuple[int, ...], every: Iterable[Strides]) -> tuple[int, list[Strides]]:
    """Rows in a group, 0 for a batch that is one group, and the strides of all its matrices so.

    Args:
        shape: That of the rows.
        every: The strides of each matrix.
    """
    every = [*every]
    groups, rows = (shape[0], math.prod(shape[1:])) if shape else (1, 1)
    if rows == 1:  # the groups are the rows
        return 0, [Strides(one.group, one.classes, 0) for one in every]
    if groups <= 1 or all(one.group == rows * one.row for one in every):
        return 0, [Strides(one.row, one.classes, 0) for one in every]
    return rows, every

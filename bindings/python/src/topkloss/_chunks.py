"""The last layer and a loss, a chunk of rows at a time: what NumPy and PyTorch have in common."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from topkloss._arguments import integer
from topkloss._loss import AnyLoss
from topkloss.errors import TopKLossError

CHUNK_BYTES = 1 << 26
"""By default, what the scores of a chunk may take at least: 64 MiB."""

_summed: weakref.WeakKeyDictionary[AnyLoss, AnyLoss] = weakref.WeakKeyDictionary()


_Any = TypeVar("_Any", bound=AnyLoss)


def summed(loss: _Any) -> _Any:
    """The same loss with a sum for a mean, made once: the sums of chunks add up."""
    if loss.reduction != "mean":
        return loss
    found = _summed.get(loss)
    if found is None:
        found = _summed[loss] = loss._with(reduction="sum")
    return cast("_Any", found)


def chunk_bytes_of(value: int | None) -> int:
    """The caller's budget, 0 for that of `rows_at_once`."""
    if value is None:
        return 0
    found = integer("chunk_bytes", value)
    if found < 1:
        raise TopKLossError(
            f"chunk_bytes is {found}; it must be 1 or more", "TOPKLOSS_ERROR_OPTION"
        )
    return found


def rows_at_once(chunk_bytes: int, rows: int, features: int, classes: int, itemsize: int) -> int:
    """How many rows of scores a chunk has.

    Each chunk reads the weight twice and its gradient once, and writes that. By default a chunk has
    twice as many rows as there are features, so that its products outweigh this however many
    classes there are; its scores take what the weight does twice, or 64 MiB if that is more.
    """
    budget = chunk_bytes or max(CHUNK_BYTES, 2 * classes * features * itemsize)
    return max(1, min(rows, budget // max(1, classes * itemsize)))


def refuse_compared_rows(loss: Any) -> None:
    """Refuses losses whose rows need the scores of all others, which are never there at once."""
    if loss._traits.heads == 2 or not loss._traits.rows_are_compared(loss):
        return  # all that the rows of two heads share is a threshold: see `topkloss._candidates`
    raise TopKLossError(
        f"{loss!r} compares the rows of a batch with each other, so that they cannot be evaluated "
        "a chunk at a time: compute its scores, and call the loss with them",
        "TOPKLOSS_ERROR_OPTION",
    )


def unfit_layer(
    inputs: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...] | None, heads: int
) -> str | None:
    """What is wrong with the shapes of a layer, in words."""
    if len(weight) != 2 or weight[0] % heads:
        if heads == 2:
            return (
                f"weight has shape {weight}; for a loss of two heads it must be (2 C, D): the "
                "softmax head's rows, then the multi-label head's"
            )
        return f"weight has shape {weight}; it must be (C, D)"
    if not inputs or inputs[-1] != weight[1]:
        return f"inputs has shape {inputs}; for this weight it must be (..., {weight[1]})"
    if bias is not None and bias != weight[:1]:
        return f"bias has shape {bias}; for this weight it must be {weight[:1]}"
    return None


def require_labels(
    labels: tuple[int, ...], lead: tuple[int, ...], classes: int, *, are_soft: bool
) -> None:
    """Refuses labels that are not one, or one number for every class, for each row of inputs."""
    wanted = (*lead, classes) if are_soft else lead
    if labels != wanted:
        kind = "soft labels" if are_soft else "class indices"
        raise TopKLossError(
            f"labels has shape {labels}; as {kind} for these inputs it must be {wanted}",
            "TOPKLOSS_ERROR_SIZE",
        )


def require_weights(shape: tuple[int, ...], lead: tuple[int, ...]) -> None:
    """Refuses sample weights that are not one for each row of inputs."""
    if shape != lead:
        raise TopKLossError(
            f"sample_weight has shape {shape}; for these inputs it must be {lead}",
            "TOPKLOSS_ERROR_SIZE",
        )


@contextmanager
def rows_named(first: int, last: int, rows: int) -> Iterator[None]:
    """Says of what is wrong with a chunk where it begins, unless it is the whole batch."""
    try:
        yield
    except TopKLossError as error:
        if last - first == rows:
            raise
        said = f"in rows {first} to {last - 1}, counted from {first}: {error}"
        raise TopKLossError(said, error.status) from error

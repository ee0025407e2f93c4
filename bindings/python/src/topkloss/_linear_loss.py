"""The last linear layer and a loss, without the scores of a whole batch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arrays import AnyArray, Array, numbers, row_numbers, view
from topkloss._average_k import ThresholdState, TwoHeadAverageKLoss, read
from topkloss._candidates import Candidates, with_given_threshold
from topkloss._chunks import (
    chunk_bytes_of,
    refuse_compared_rows,
    require_labels,
    require_weights,
    rows_at_once,
    rows_named,
    summed,
    unfit_layer,
)
from topkloss._evaluation import (
    RESULT_SIZE,
    Value,
    add_sample_weight,
    add_targets,
    call,
    describe,
)
from topkloss._loss import AnyLoss
from topkloss.errors import TopKLossError

Gradients: TypeAlias = tuple[AnyArray | None, AnyArray | None, AnyArray | None]

_NAMES = "inputs", "weight", "bias"


def linear_loss(
    loss: AnyLoss,
    inputs: Array,
    weight: Array,
    labels: Array,
    bias: Array | None = None,
    *,
    sample_weight: Array | None = None,
    step: int | None = None,
    threshold: ThresholdState | None = None,
    frozen: Collection[str] = (),
    chunk_bytes: int | None = None,
) -> tuple[Value, Gradients]:
    """The loss of ``inputs @ weight.T + bias``, and its gradients, without B x C scores.

    The scores are computed a chunk of rows at a time, become their own gradient in place, and are
    gone: what is needed besides arguments and gradients is a chunk and room for one product of the
    weight's size. The answer is that of the scores as a whole, to rounding; rows of noise are
    numbered through, so that noise does not depend on chunks.

        loss = topkloss.LogitAdjustedLoss(class_counts)
        value, (_, weight_gradient, _) = topkloss.linear_loss(loss, inputs, weight, labels)

    `TwoHeadAverageKLoss` takes the layers of both heads as one, of 2 C outputs: the softmax head's,
    then the multi-label head's. Its threshold is that of the whole batch, found in a pass before,
    which computes the softmax head's scores once more. Scores that equal the
    threshold, but for rounding, are all candidates, where the loss by itself would take the first
    of them.

    Args:
        loss: Any loss, but for `SinglePositiveLoss` with ``"epr"``, whose rows need all scores.
        inputs: Of shape (..., D).
        weight: Of shape (C, D); of two heads (2 C, D).
        labels: Class indices, of shape (...), or soft labels, of shape (..., C), as for the loss.
        bias: Of shape (C), of two heads (2 C). Default: none.
        sample_weight: Finite numbers of 0 or more, of shape (...). Default 1.
        step: For noised losses: which noise to draw, as for the loss; one step for all chunks.
        threshold: Of two heads: set to the threshold that chose the candidates, and with
            threshold_decay read first, as the one before.
        frozen: Those of ``"inputs"``, ``"weight"`` and ``"bias"`` whose gradient is not wanted, and
            is not computed.
        chunk_bytes: What the scores of a chunk may take; a chunk has one row at least. Default:
            twice the weight, or 64 MiB if that is more.

    Returns:
        The value, as from calling the loss with the scores; and the gradients of inputs, weight and
        bias, each None where there is none or it is frozen. For the reduction ``"none"`` they are
        those of the sum of the rows' values. All is computed in float64 if one of inputs, weight
        and bias is, else in float32, and gradients are of that type.

    Raises:
        TopKLossError: An argument has a wrong shape, type or value.
    """
    if not isinstance(loss, AnyLoss):
        raise TopKLossError(
            f"loss is a {type(loss).__name__}; it must be a loss of topkloss",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    refuse_compared_rows(loss)
    _require_threshold(loss, threshold)
    for name in frozen:
        if name not in _NAMES:
            raise TopKLossError(
                f"frozen has {name!r}; it may have {', '.join(map(repr, _NAMES))}",
                "TOPKLOSS_ERROR_OPTION",
            )
    layer = _Layer(inputs, weight, bias, frozen, loss._traits.heads)
    targets, are_soft = _targets(labels)
    require_labels(targets.shape, layer.lead, layer.classes, are_soft=are_soft)
    targets = targets.reshape(layer.rows, layer.classes) if are_soft else targets.reshape(-1)
    weights = None
    if sample_weight is not None:
        require_weights(numbers("sample_weight", sample_weight).shape, layer.lead)
        weights = row_numbers("sample_weight", sample_weight, layer.lead).reshape(-1)
    drawn = loss._step(None, step) if hasattr(loss, "_step") else _no_step(loss, step)
    rows = _Rows(targets, weights, drawn)
    budget = chunk_bytes_of(chunk_bytes)
    if isinstance(loss, TwoHeadAverageKLoss):
        return _of_two_heads(loss, layer, rows, budget, threshold)
    return _in_chunks(loss, summed(loss), layer, rows, budget)


def _of_two_heads(
    loss: TwoHeadAverageKLoss,
    layer: _Layer,
    rows: _Rows,
    chunk_bytes: int,
    threshold: ThresholdState | None,
) -> tuple[Value, Gradients]:
    before = 0.0 if threshold is None else read(threshold)
    found = _threshold(loss, layer, rows, chunk_bytes)
    if loss.threshold_decay and before and found:
        found = loss.threshold_decay * before + (1 - loss.threshold_decay) * found
    adding = with_given_threshold(summed(loss))
    answer = _in_chunks(loss, adding, layer, rows, chunk_bytes, found)
    if threshold is not None:
        threshold.value = found or before
    return answer


def _threshold(loss: TwoHeadAverageKLoss, layer: _Layer, rows: _Rows, chunk_bytes: int) -> float:
    """That of the whole batch's candidates."""
    is_ignored = rows.targets == loss.ignore_index
    candidates = Candidates(loss.k, int((~is_ignored).sum()))
    for part, scores in layer.chunks(layer.classes, chunk_bytes):
        scores[is_ignored[part]] = np.nan
        if len(scores):
            candidates.add(scores)
    return candidates.threshold


def _require_threshold(loss: AnyLoss, threshold: Any) -> None:
    if threshold is not None and not isinstance(loss, TwoHeadAverageKLoss):
        raise TopKLossError(
            f"threshold is {threshold!r}, and {type(loss).__name__} has no candidates",
            "TOPKLOSS_ERROR_OPTION",
        )


def _no_step(loss: AnyLoss, step: int | None) -> int:
    if step is not None:
        raise TopKLossError(
            f"step is {step!r}, and {type(loss).__name__} draws no noise", "TOPKLOSS_ERROR_OPTION"
        )
    return 0


class _Rows(NamedTuple):
    """What there is of each row besides its inputs, and which noise it draws."""

    targets: AnyArray
    weights: AnyArray | None
    step: int


def _targets(labels: Any) -> tuple[AnyArray, bool]:
    """Labels as an array, and whether they are soft: numbers with a fraction."""
    array, code = view("labels", labels)
    if code == _abi.TOPKLOSS_BFLOAT16:
        array = numbers("labels", labels)
    return array, code is not None or array.dtype.kind == "f"


class _Layer:
    """The layer's arrays in the dtype that products are computed in, and its gradients."""

    def __init__(
        self, inputs: Any, weight: Any, bias: Any, frozen: Collection[str], heads: int
    ) -> None:
        given = [
            None if value is None else numbers(name, value)
            for name, value in zip(_NAMES, (inputs, weight, bias), strict=True)
        ]
        x, w, b = given
        assert x is not None
        assert w is not None
        problem = unfit_layer(x.shape, w.shape, None if b is None else b.shape, heads)
        if problem:
            raise TopKLossError(problem, "TOPKLOSS_ERROR_SIZE")
        double = any(each is not None and each.dtype == np.float64 for each in given)
        self.dtype = np.dtype(np.float64 if double else np.float32)
        self.lead = x.shape[:-1]
        self.outputs, features = w.shape
        self.classes = self.outputs // heads
        self.rows = math.prod(self.lead)
        self.inputs = x.reshape(self.rows, features).astype(self.dtype, copy=False)
        self.weight = w.astype(self.dtype, copy=False)
        self.bias = None if b is None else b.astype(self.dtype, copy=False)
        self.inputs_gradient, self.weight_gradient, self.bias_gradient = (
            None if each is None or name in frozen else np.zeros(each.shape, self.dtype)
            for name, each in zip(_NAMES, (self.inputs, self.weight, self.bias), strict=True)
        )
        self._product = None if self.weight_gradient is None else np.empty_like(self.weight)

    @property
    def is_frozen(self) -> bool:
        """Whether no gradient is wanted."""
        every = self.inputs_gradient, self.weight_gradient, self.bias_gradient
        return all(each is None for each in every)

    def chunks(self, outputs: int, chunk_bytes: int) -> Iterator[tuple[slice, AnyArray]]:
        """Rows a chunk at a time, with the scores that the first rows of the weight give them."""
        features, itemsize = self.inputs.shape[1], self.dtype.itemsize
        count = rows_at_once(chunk_bytes, self.rows, features, outputs, itemsize)
        room = np.empty((count, outputs), self.dtype)
        # A batch without rows is looked at too: its labels may be wrong all the same.
        for first in range(0, max(self.rows, 1), count):
            part = slice(first, min(self.rows, first + count))
            scores = room[: part.stop - first]
            np.matmul(self.inputs[part], self.weight[:outputs].T, out=scores)
            if self.bias is not None:
                scores += self.bias[:outputs]
            yield part, scores

    def add(self, part: slice, gradient: AnyArray) -> None:
        """What the gradient of the scores of some rows adds to those of the arrays."""
        if self.inputs_gradient is not None:
            np.matmul(gradient, self.weight, out=self.inputs_gradient[part])
        if self.weight_gradient is not None:
            assert self._product is not None
            np.matmul(gradient.T, self.inputs[part], out=self._product)
            self.weight_gradient += self._product
        if self.bias_gradient is not None:
            self.bias_gradient += gradient.sum(axis=0)

    def gradients(self, divisor: float) -> Gradients:
        """The gradients of all rows, divided as their values are."""
        if divisor != 1:
            for each in (self.inputs_gradient, self.weight_gradient, self.bias_gradient):
                if each is not None:
                    each /= divisor
        inputs = self.inputs_gradient
        shaped = None if inputs is None else inputs.reshape(*self.lead, inputs.shape[1])
        return shaped, self.weight_gradient, self.bias_gradient


def _in_chunks(
    loss: AnyLoss,
    adding: AnyLoss,
    layer: _Layer,
    rows: _Rows,
    chunk_bytes: int,
    threshold: float = 0.0,
) -> tuple[Value, Gradients]:
    """Values and gradients.

    Args:
        loss: The caller's.
        adding: The same without a mean.
        layer: The layer.
        rows: What there is of each row.
        chunk_bytes: What the scores of a chunk may take; 0: see `rows_at_once`.
        threshold: Of two heads: that of the candidates.
    """
    by_row = np.empty(layer.rows, layer.dtype) if loss.reduction == "none" else None
    value, total = 0.0, 0.0
    for part, scores in layer.chunks(layer.outputs, chunk_bytes):
        with rows_named(part.start, part.stop, layer.rows):
            batch, matrix = describe("logits", scores[:, : layer.classes])
            batch.step, batch.first_row = rows.step, part.start
            result = _abi.result(RESULT_SIZE)
            result.threshold = threshold
            weights = rows.weights
            _kept = (
                add_targets(batch, rows.targets[part], matrix),
                None if weights is None else add_sample_weight(batch, weights[part]),
            )
            stride = batch.logits_row_stride
            if layer.outputs != layer.classes:
                batch.multi_label_logits = address(scores[:, layer.classes :])
                batch.multi_label_row_stride = stride
            if not layer.is_frozen:  # the scores become their own gradient
                result.gradient, result.gradient_row_stride = batch.logits, stride
                result.multi_label_gradient = batch.multi_label_logits
                result.multi_label_gradient_row_stride = batch.multi_label_row_stride
            if by_row is not None:
                result.row_values = address(by_row[part])
            value += call(adding, batch, result)
        total += result.total_weight
        if not layer.is_frozen:
            layer.add(part, scores)
    if not math.isfinite(total):
        raise TopKLossError(
            "the sum of the rows' weights is beyond float64", "TOPKLOSS_ERROR_NOT_FINITE"
        )
    # Where no row counts, all of it is 0 as it is.
    divisor = total if loss.reduction == "mean" and total else 1.0
    answer: Value = value / divisor if by_row is None else by_row.reshape(layer.lead)
    return answer, layer.gradients(divisor)

"""The last layer and a loss a chunk of rows at a time: the pass that both operators make."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from topkloss._average_k import TwoHeadAverageKLoss
from topkloss._candidates import Candidates, with_given_threshold
from topkloss._chunks import (
    require_labels,
    require_weights,
    rows_at_once,
    rows_named,
    summed,
    unfit_layer,
)
from topkloss._evaluation import call
from topkloss._loss import AnyLoss
from topkloss.errors import TopKLossError
from topkloss.torch import _devices
from topkloss.torch._autocast import HALVES
from topkloss.torch._base import LossModule
from topkloss.torch._evaluation import GRADIENTS, MATRICES, Arguments, Evaluation
from topkloss.torch._tensors import is_soft, row_numbers, with_memory


class Layer(NamedTuple):
    """The last layer of a call."""

    inputs: Tensor
    weight: Tensor
    bias: Tensor | None


class Plan(NamedTuple):
    """What a pass has to do.

    Attributes:
        wanted: Whether the gradients of inputs, weight and bias are.
        dtype: Which products are computed in.
        scores_dtype: Which the loss is evaluated in.
        chunk_bytes: What the scores of a chunk may take; 0: see `rows_at_once`.
        by_row: Whether there is a value for each row.
    """

    wanted: tuple[bool, bool, bool]
    dtype: torch.dtype
    scores_dtype: torch.dtype
    chunk_bytes: int
    by_row: bool


class Rows(NamedTuple):
    """What there is of each row besides its inputs, flat, and which noise it draws."""

    labels: Tensor
    sample_weight: Tensor | None
    step: int

    def evaluation_arguments(self, part: slice, heads: tuple[Tensor, ...]) -> Arguments:
        weight = None if self.sample_weight is None else self.sample_weight[part]
        return Arguments(heads[0], self.labels[part], weight, *heads[1:])


def rows_of(loss: AnyLoss, layer: Layer, labels: Any, sample_weight: Any, step: int) -> Rows:
    """The rows of a call, once their shapes are seen to fit the layer's."""
    bias = None if layer.bias is None else tuple(layer.bias.shape)
    heads = loss._traits.heads
    problem = unfit_layer(tuple(layer.inputs.shape), tuple(layer.weight.shape), bias, heads)
    if problem:
        raise TopKLossError(problem, "TOPKLOSS_ERROR_SIZE")
    lead, classes = tuple(layer.inputs.shape[:-1]), len(layer.weight) // heads
    labels, are_soft = with_memory("labels", labels), is_soft(labels)
    require_labels(tuple(labels.shape), lead, classes, are_soft=are_soft)
    flat = labels.reshape(math.prod(lead), classes) if are_soft else labels.reshape(-1)
    if sample_weight is None:
        return Rows(flat, None, step)
    weights = with_memory("sample_weight", sample_weight)
    require_weights(tuple(weights.shape), lead)
    weights = row_numbers("sample_weight", weights.reshape(-1), (weights.numel(),))
    return Rows(flat, weights, step)


def total_weight(loss: Any, rows: Rows) -> Tensor:
    """What a mean divides by: the weights of the rows that count, with soft labels all of them."""
    labels = rows.labels
    weights = torch.ones(len(labels), dtype=torch.float64, device=labels.device)
    if not is_soft(labels):
        # Of uint8 PyTorch says that 156 is -100.
        weights.mul_(labels.long() != loss.ignore_index)
        of_classes = getattr(loss, "class_weight", None)
        if of_classes is not None:
            # Labels that are no class are either ignored or refused when they get to the library.
            known = torch.tensor(of_classes, dtype=torch.float64, device=labels.device)
            weights.mul_(known[labels.long().clamp(0, len(known) - 1)])
    if rows.sample_weight is not None:
        weights.mul_(rows.sample_weight.to(labels.device))
    return weights.sum()


class _InPlace(Evaluation):
    """An evaluation whose gradient replaces its scores."""

    def over_scores(self, upstream: Tensor | None, values: Tensor | None, wanted: bool) -> float:
        matrices = dict(zip(GRADIENTS, MATRICES[: len(self._heads)], strict=False))
        written = {name: self._strides[matrix] for name, matrix in matrices.items()}
        batch, result = self._described(written if wanted else {})
        result.threshold = self._threshold
        if wanted:
            result.gradient = batch.logits
            result.multi_label_gradient = batch.multi_label_logits
        if upstream is not None:
            batch.upstream = self._keep(upstream)
        if values is not None:
            result.row_values = values.data_ptr()
        return call(self._owner, batch, result)


class Pass:
    """One pass over the rows of a batch, which adds up values and gradients.

    Attributes:
        value: The sum of all values, on the inputs' device, or one for each row.
        gradients: Those of inputs, weight and bias, of the sum of all values; None: not wanted.
            Those of weight and bias are float32 if products are in 16 bits.
    """

    value: Tensor

    def __init__(
        self,
        module: LossModule,
        layer: Layer,
        rows: Rows,
        plan: Plan,
        threshold: Tensor | None = None,
    ) -> None:
        """Begins with nothing added up.

        Args:
            module: Has the loss.
            layer: The layer.
            rows: What there is of each row.
            plan: What to do.
            threshold: Of a loss of two heads: that of its candidates.
        """
        self._module, self._rows, self._plan = module, rows, plan
        self._loss: AnyLoss = summed(module.loss)
        self._threshold = threshold
        if threshold is not None:
            self._loss = with_given_threshold(cast("TwoHeadAverageKLoss", self._loss))
        inputs, weight, bias = layer
        dtype = plan.dtype
        *lead, features = inputs.shape
        self._inputs = inputs.detach().reshape(math.prod(lead), features).to(dtype)
        self._weight = weight.detach().to(dtype)
        self._bias = None if bias is None else bias.detach().to(dtype)
        self._adds_wider = dtype in HALVES
        sums = torch.float32 if self._adds_wider else dtype
        of_inputs, of_weight, of_bias = plan.wanted
        self._of_inputs = torch.empty_like(self._inputs) if of_inputs else None
        self._of_weight = torch.zeros_like(weight, dtype=sums) if of_weight else None
        self._of_bias = self._inputs.new_zeros(len(weight), dtype=sums) if of_bias else None

    @property
    def gradients(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        return self._of_inputs, self._of_weight, self._of_bias

    def run(self, upstream: Tensor | None = None) -> Pass:
        """Goes through all rows.

        Args:
            upstream: By row: numbers that multiply the gradients of the rows' values. Default 1.
        """
        with torch.no_grad(), torch.autocast(self._inputs.device.type, enabled=False):
            self._run(upstream)
        return self

    def _chunks(self, outputs: int) -> Iterator[tuple[slice, Tensor]]:
        """Rows a chunk at a time, and their products with the first rows of the weight."""
        plan, inputs, weight = self._plan, self._inputs, self._weight[:outputs]
        bias = None if self._bias is None else self._bias[:outputs]
        rows, itemsize = len(inputs), plan.scores_dtype.itemsize
        count = rows_at_once(plan.chunk_bytes, rows, inputs.shape[1], outputs, itemsize)
        room = inputs.new_empty((count, outputs))
        # A batch without rows is looked at too: its labels may be wrong all the same.
        for first in range(0, max(rows, 1), count):
            part = slice(first, min(rows, first + count))
            product = room[: part.stop - first]
            if bias is None:
                torch.mm(inputs[part], weight.t(), out=product)
            else:
                torch.addmm(bias, inputs[part], weight.t(), out=product)
            yield part, product

    def _run(self, upstream: Tensor | None) -> None:
        plan, rows = self._plan, len(self._inputs)
        # Python's numbers on the CPU: no tensor for each chunk.
        total: Any = 0.0
        values = self._inputs.new_empty(rows, dtype=plan.scores_dtype) if plan.by_row else None
        wide: Tensor | None = None
        for part, product in self._chunks(len(self._weight)):
            scores = product
            if plan.scores_dtype != plan.dtype:
                wide = torch.empty_like(product, dtype=plan.scores_dtype) if wide is None else wide
                scores = wide[: len(product)].copy_(product)
            factors = None if upstream is None else upstream[part]
            with rows_named(part.start, part.stop, rows):
                value, gradient = self._evaluate(part, scores, factors, values)
            total += value
            if any(plan.wanted):
                self._add(
                    part, gradient if gradient.dtype == plan.dtype else product.copy_(gradient)
                )
        if values is None:
            if not isinstance(total, Tensor):
                total = torch.tensor(total, dtype=torch.float64, device="cpu")
            values = total.to(self._inputs.device)
        self.value = values

    def find_threshold(self) -> float:
        """That of the candidates of all rows, by a loss of two heads."""
        loss = cast("TwoHeadAverageKLoss", self._loss)
        is_ignored = self._rows.labels.long() == loss.ignore_index
        found = Candidates(loss.k, int((~is_ignored).sum()))
        arithmetic = torch.float32 if self._plan.dtype in HALVES else self._plan.dtype
        with torch.no_grad(), torch.autocast(self._inputs.device.type, enabled=False):
            for part, product in self._chunks(len(self._weight) // 2):
                scores = product.to(arithmetic)
                scores[is_ignored[part]] = torch.nan
                if not len(scores):
                    continue
                if scores.is_cpu:
                    found.add(scores.numpy())
                    continue
                scores = scores.log_softmax(1)
                rows = int((~scores[:, 0].isnan()).sum())
                top = scores.nan_to_num_(-torch.inf, neginf=-torch.inf).flatten()
                highest = top.topk(min(found.most, top.numel())).values.cpu().numpy()
                found.add_highest(np.asarray(highest), rows, scores.shape[1])
        return found.threshold

    def _split(self, scores: Tensor) -> tuple[Tensor, ...]:
        return scores.chunk(self._loss._traits.heads, dim=1)

    def _evaluate(
        self, part: slice, scores: Tensor, upstream: Tensor | None, values: Tensor | None
    ) -> tuple[Any, Tensor]:
        """The sum of some rows' values, and the gradient, where the scores were if that can be."""
        given = self._rows.evaluation_arguments(part, self._split(scores))
        wanted = any(self._plan.wanted)
        options = {"step": self._rows.step, "first_row": part.start}
        if scores.is_cpu and not _devices.is_on_device(scores):
            evaluation = _InPlace.of(self._loss, given, by_row=values is not None, **options)
            if self._threshold is not None:
                evaluation.begin_threshold(self._threshold)
            out = None if values is None else values[part]
            return evaluation.over_scores(upstream, out, wanted), scores
        on_device = self._module._evaluation(
            *given[:3], second=given.second, value_dtype=torch.float64, loss=self._loss, **options
        )
        if self._threshold is not None:
            on_device.begin_threshold(self._threshold)
        heads = self._loss._traits.heads
        if upstream is not None and heads == 1:
            return 0.0, on_device.gradient(upstream, scores)
        found, gradients = on_device.run((wanted,) * heads, upstream)
        if values is not None:
            values[part] = found
        made = [each for each in gradients if each is not None]
        gradient = scores if not made else made[0] if heads == 1 else torch.cat(made, dim=1)
        return found.sum(), gradient

    def _add(self, part: slice, gradient: Tensor) -> None:
        """What the gradient of the scores of some rows adds to those of the arrays."""
        if self._of_inputs is not None:
            torch.mm(gradient, self._weight, out=self._of_inputs[part])
        if self._of_weight is not None:
            if self._adds_wider:
                self._of_weight += gradient.t() @ self._inputs[part]
            else:
                self._of_weight.addmm_(gradient.t(), self._inputs[part])
        if self._of_bias is not None:
            self._of_bias += gradient.sum(0, dtype=self._of_bias.dtype)

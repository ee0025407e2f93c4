"""Modules of losses of one head."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss._arrays import Array
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable, evaluate_plain
from topkloss.torch._base import LossModule
from topkloss.torch._compiled import coupled_rows, one_head


class OneHeadModule(LossModule):
    """A loss of logits and labels: no parameters, and no buffers."""

    def forward(
        self, logits: Tensor, labels: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, differentiable once with respect to the logits.

        Args:
            logits: Scores, of shape (C), (N, C) or (N, C, d1, ..., dm), in float32, float64,
                float16 or bfloat16. In the CPU's memory they are read where they are, unless
                d1 to dm do not lie as one: then they are copied.
            labels: For each row a class index in [0, C), or the ignored one. Losses with
                ``label_smoothing``, but for `SeesawLoss`, also take soft labels: a tensor of the
                logits' shape and of a floating-point dtype, as described in `topkloss.torch`.
            sample_weight: A finite number for each row that multiplies its loss. Default 1.

        Returns:
            A scalar, or for the reduction ``"none"`` a value for each row, of the dtype of the
            logits (under autocast at least float32) and on their device. If all rows are ignored,
            the mean is 0 with gradient 0, where PyTorch's losses give NaN.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        if torch.compiler.is_compiling():
            if self._rows_are_coupled:
                return coupled_rows(self, logits, labels, sample_weight)
            return one_head(self, logits, labels, sample_weight)
        if sample_weight is None and self.loss._may_be_plain:
            plain = evaluate_plain(self.loss, logits, labels, self.inplace)
            if plain is not None:
                return plain
        (scores,), dtype = autocast_scores(logits, by_row=self._by_row, labels=labels)
        evaluation = self._evaluation(scores, labels, sample_weight, value_dtype=dtype)
        return differentiable(
            evaluation,
            scores,
            rows_are_coupled=self._rows_are_coupled,
            inplace=self.inplace,
        )


class WeightedModule(OneHeadModule):
    """A loss that takes class weights."""

    def set_class_weight(self, class_weight: Array | None) -> None:
        """Weights the classes from now on, in place of the weights given at first.

        For deferred re-weighting, at the start of every epoch:

            weights = topkloss.class_weights.effective_number(class_counts)
            criterion = topkloss.torch.LDAMLoss(class_counts)
            for epoch in range(200):
                criterion.set_class_weight(deferred(weights, epoch=epoch, start=160))
                ...

        with `topkloss.class_weights.deferred`. Like all options, weights are in copies and pickles
        but not in the state_dict: a run that goes on from a checkpoint sets them again.

        Args:
            class_weight: Weight of each class, finite and 0 or more, or None for 1.

        Raises:
            TopKLossError: A weight is outside its range, or their number is not that of the
                classes. The weights are then what they were.
        """
        self.loss = self.loss._with(class_weight=class_weight)

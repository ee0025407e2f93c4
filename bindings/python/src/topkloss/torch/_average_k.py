"""Losses for sets of classes as modules: two-head average-K, and its single-positive baselines."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import topkloss
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable
from topkloss.torch._base import LossModule
from topkloss.torch._compiled import coupled_rows, two_heads
from topkloss.torch._module import OneHeadModule, arguments_of


class TwoHeadAverageKLoss(LossModule):
    """`topkloss.TwoHeadAverageKLoss` as a module: a softmax head teaches a multi-label head.

    With threshold_decay, the module keeps the moving average of the threshold, the state that
    `topkloss.ThresholdState` is there, as a persistent buffer: in training every call updates it;
    in evaluation it is used in the same way, but stays as it is.

    Attributes:
        threshold: With threshold_decay above 0 only: the threshold on probabilities of the last
            call in training, 0 before the first; a float64 scalar, which moves and casts of the
            module leave alone.
    """

    loss: topkloss.TwoHeadAverageKLoss
    threshold: Tensor
    _two_heads = True

    @arguments_of(topkloss.TwoHeadAverageKLoss)
    def __init__(self, loss: topkloss.TwoHeadAverageKLoss) -> None:
        super().__init__(loss)
        if self._averages:
            self.register_buffer("threshold", torch.zeros((), dtype=torch.float64, device="cpu"))

    @property
    def _averages(self) -> bool:
        return self.loss.threshold_decay > 0

    def forward(
        self,
        logits: Tensor,
        multi_label_logits: Tensor,
        labels: Tensor,
        *,
        sample_weight: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch, differentiable once with respect to the logits of both heads.

        Args:
            logits: Scores of the softmax head, of shape (B, C), as for every loss.
            multi_label_logits: Scores of the multi-label head, of the same shape and dtype, and
                on the same device. -inf is a probability of 0.
            labels: B class indices in [0, C), or the ignored one.
            sample_weight: B finite numbers that multiply the loss of each row. Default 1.

        Returns:
            A scalar, or for the reduction ``"none"`` B values, as for every loss. If all rows are
            ignored, the mean is 0 with gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        if torch.compiler.is_compiling():
            threshold = self.threshold if self._averages else None
            value, used = two_heads(
                self, logits, multi_label_logits, labels, sample_weight, threshold
            )
            if threshold is not None and self.training:
                # By a view: graphs (of PyTorch 2.13) lose what is written to float64 scalars.
                threshold.view(1).copy_(used.view(1))
            return value
        heads, dtype = autocast_scores(logits, multi_label_logits, by_row=self._by_row)
        evaluation = self._evaluation(
            heads[0], labels, sample_weight, second=heads[1], value_dtype=dtype
        )
        if self._averages:
            evaluation.threshold = float(self.threshold)
        value = differentiable(evaluation, *heads)
        if self._averages and self.training:
            self.threshold.fill_(evaluation.threshold)
        return value

    def _apply(
        self, function: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> TwoHeadAverageKLoss:
        """Moves and casts, all but the threshold: in 16 bits, its average would stand still."""
        threshold = self._buffers.get("threshold")
        super()._apply(function, recurse)  # type: ignore[no-untyped-call]
        if threshold is not None:
            self.threshold = threshold
        return self


class SinglePositiveLoss(OneHeadModule):
    """`topkloss.SinglePositiveLoss` as a module: binary cross-entropy with one known positive."""

    loss: topkloss.SinglePositiveLoss

    @arguments_of(topkloss.SinglePositiveLoss)
    def __init__(self, loss: topkloss.SinglePositiveLoss) -> None:
        super().__init__(loss)

    def forward(
        self, logits: Tensor, labels: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """As for every loss; with ``"epr"``, each row's value depends on all rows' logits."""
        if self.loss.method != "epr" or not self._by_row:
            return super().forward(logits, labels, sample_weight=sample_weight)
        if torch.compiler.is_compiling():
            return coupled_rows(self, logits, labels, sample_weight)
        (scores,), _ = autocast_scores(logits, by_row=True)
        evaluation = self._evaluation(scores, labels, sample_weight)
        return differentiable(evaluation, scores, rows_are_coupled=True)

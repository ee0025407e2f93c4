"""Modules of losses of two heads."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from topkloss._loss import AnyLoss
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable
from topkloss.torch._base import LossModule
from topkloss.torch._compiled import two_heads
from topkloss.torch._devices import IS_ON


class TwoHeadModule(LossModule):
    """A loss of the logits of a softmax head and of a multi-label head.

    With threshold_decay, the module keeps the moving average of the threshold, which outside of
    modules is a `topkloss.ThresholdState`, as a persistent buffer: in training every call updates
    it; in evaluation it is used in the same way, but stays as it is, as it does where a checkpoint
    has none.

    Attributes:
        threshold: With threshold_decay above 0 only: the threshold on probabilities of the last
            call in training, 0 before the first; a float64 scalar, which moves and casts of the
            module leave alone. Where losses are computed on CUDA devices, it is kept there.
    """

    threshold: Tensor

    def __init__(self, loss: AnyLoss, check: bool = False, inplace: bool = False) -> None:
        """Wraps a loss. Called by the modules themselves."""
        super().__init__(loss, check, inplace)
        if self._averages:
            self.register_buffer("threshold", torch.zeros((), dtype=torch.float64, device="cpu"))

    @property
    def _averages(self) -> bool:
        averages: bool = self.loss.threshold_decay > 0
        return averages

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
            logits: Scores of the softmax head, of shape (C), (N, C) or (N, C, d1, ..., dm), as for
                every loss.
            multi_label_logits: Scores of the multi-label head, of the same shape and dtype, and
                on the same device, in any layout. -inf is a probability of 0.
            labels: For each row a class index in [0, C), or the ignored one.
            sample_weight: A finite number for each row that multiplies its loss. Default 1.

        Returns:
            A scalar, or for the reduction ``"none"`` a value for each row, as for every loss. If
            all rows are ignored, the mean is 0 with gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        if torch.compiler.is_compiling():
            threshold = self.threshold if self._averages else None
            value, used = two_heads(
                self, logits, multi_label_logits, labels, sample_weight, threshold
            )
            if threshold is not None and self.training:
                self._keep(used)
            return value
        heads, dtype = autocast_scores(
            logits, multi_label_logits, by_row=self._by_row, labels=labels
        )
        evaluation = self._evaluation(
            heads[0], labels, sample_weight, second=heads[1], value_dtype=dtype
        )
        if self._averages:
            evaluation.begin_threshold(self.threshold)
        value = differentiable(evaluation, *heads, inplace=self.inplace)
        if self._averages and self.training:
            used = evaluation.used_threshold()
            if used.device == self.threshold.device:
                self.threshold.copy_(used)
            else:
                self.threshold = used
        return value

    def _begin(self, found: Tensor) -> Tensor:
        """The threshold of a batch whose own is known, 0 without rows; in training it is kept."""
        if not self._averages:
            return found
        decay, before = self.loss.threshold_decay, self.threshold.to(found.device)
        mixed = torch.where(before > 0, decay * before + (1 - decay) * found, found)
        used = torch.where(found > 0, mixed, before)
        if self.training:
            self._keep(used)
        return used

    def _keep(self, used: Tensor) -> None:
        # By a view: graphs (of PyTorch 2.13) lose what is written to float64 scalars.
        self.threshold.view(1).copy_(used.view(1))

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> TwoHeadModule:
        """Moves and casts, all but the threshold: in 16 bits, its average would stand still.

        Where losses are computed on devices, it is moved there.
        """
        threshold = getattr(self, "threshold", None)
        super()._apply(function, recurse)  # type: ignore[no-untyped-call]
        if threshold is not None:
            place = self.threshold.device
            stays = not IS_ON or place.type not in ("cpu", "cuda")
            self.threshold = threshold if stays else threshold.to(place)
        return self

"""Modules of losses that draw noise."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss._steps import EVALUATION_STEP
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable
from topkloss.torch._compiled import noised
from topkloss.torch._module import OneHeadModule
from topkloss.torch._operators import signed, unsigned


class NoisedModule(OneHeadModule):
    """A loss that draws noise.

    In training the module counts its calls, and draws new noise in each. In evaluation
    (``module.eval()``) it counts none and draws the same noise in every call, that of the step
    2^64 - 1, so that the values of two validations differ by the model alone.

    In data-parallel training every process counts the same calls, and one's checkpoint serves all.
    `topkloss.torch.distributed.GlobalBatch` numbers the rows of all processes through, so that each
    has noise of its own. Without it give each process a seed of its own, as in
    ``NoisedTopKLoss(5, seed=torch.distributed.get_rank())``, or all draw the same noise for rows
    that `torch.utils.data.DistributedSampler` has made different. For validation that does not
    depend on how rows were dealt out, use the exact estimator there.

    The count is kept in the state_dict as extra state, a scalar int64 tensor, and not as a buffer:
    it stays in the CPU's memory when the module is moved to another device, and a cast of the
    module leaves it alone. A checkpoint without it leaves the count as it is. Copies and pickles go
    on from the same count. The exact estimator has no noise.

    Activation checkpointing calls what it checkpoints once more in the backward pass, and so would
    draw other noise there and count twice: leave the loss outside, or give it a ``step``.
    """

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        *,
        sample_weight: Tensor | None = None,
        noise: Tensor | None = None,
        step: int | None = None,
    ) -> Tensor:
        """The loss of a batch, differentiable once with respect to the logits.

        Args:
            logits: Scores, of shape (C), (N, C) or (N, C, d1, ..., dm), as for every loss.
            labels: For each row a class index in [0, C), or the ignored one.
            sample_weight: A finite number for each row that multiplies its loss. Default 1.
            noise: Noise of the labels' shape followed by (S, C), to use in place of the module's
                own.
            step: Which noise to draw, 0 to 2^64 - 1. Default: in training the number of
                calls so far that were given neither noise nor a step, in evaluation 2^64 - 1.

        Returns:
            A scalar, or for the reduction ``"none"`` a value for each row, as for every loss. If
            all rows are ignored, the mean is 0 with gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value, or C is not above K.
        """
        if torch.compiler.is_compiling():
            return noised(self, logits, labels, sample_weight, noise, step)
        (scores,), dtype = autocast_scores(logits, by_row=self._by_row, labels=labels)
        drawn = self._drawn(noise, step)
        evaluation = self._evaluation(
            scores, labels, sample_weight, value_dtype=dtype, noise=noise, step=drawn
        )
        return differentiable(evaluation, scores, inplace=self.inplace)

    def _drawn(self, noise: Tensor | None, step: int | None) -> int:
        """The step of a call that was given these, which is counted if it was given neither."""
        if step is None and not self.training:
            step = EVALUATION_STEP
        drawn: int = self.loss._step(noise, step)
        return drawn

    def get_extra_state(self) -> Tensor:
        """The number of counted calls, for the state_dict: an int64 with the bits of the count."""
        count = signed(self.loss._steps.next)
        return torch.tensor(count, dtype=torch.int64, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Goes on from the number of calls in a state_dict."""
        self.loss._steps.next = unsigned(state)

"""Noised top-K as a module."""

from __future__ import annotations

import torch
from torch import Tensor

import topkloss
from topkloss._arrays import Array
from topkloss._loss import Reduction
from topkloss._noised_topk import Estimator
from topkloss.torch._autograd import LossModule


class NoisedTopKLoss(LossModule):
    """Noised top-K: the top-K calibrated hinge on an order statistic that noise makes smooth.

    See `topkloss.NoisedTopKLoss`, whose arguments it takes, for the definition. The imbalanced loss
    (with class_counts) expects a normalised last layer, such as `NormedLinear`.

    The module counts its calls, in training and evaluation alike, and draws new noise in each. The
    count is kept in the state_dict as extra state, a scalar int64 tensor, and not as a buffer: it
    stays in the CPU's memory when the module is moved to another device, and a cast of the module
    leaves it alone. Copies and pickles go on from the same count.

    Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for
    deep imbalanced classification", ICML 2022.

    Args:
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and 0 or more.
        estimator: How the expectation is taken: ``"monte_carlo"``.
        n_samples: S, the number of noise samples a row, 1 to 1,000,000.
        seed: Key of the noise, 0 to 2^64 - 1.
        margin: Margin of the balanced loss, in units of a logit; finite. Not used with
            class_counts.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: With class_counts only: margin of the rarest class, finite and 0 or more.
            Default 0.5.
        scale: Multiplies the hinge, finite and above 0.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: A count or an option is outside its range.
    """

    loss: topkloss.NoisedTopKLoss

    def __init__(
        self,
        k: int,
        epsilon: float = 1.0,
        *,
        estimator: Estimator = "monte_carlo",
        n_samples: int = 5,
        seed: int = 0,
        margin: float = 1.0,
        class_counts: Array | None = None,
        max_margin: float | None = None,
        scale: float = 1.0,
        count_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            topkloss.NoisedTopKLoss(
                k,
                epsilon,
                estimator=estimator,
                n_samples=n_samples,
                seed=seed,
                margin=margin,
                class_counts=class_counts,
                max_margin=max_margin,
                scale=scale,
                count_smoothing=count_smoothing,
                reduction=reduction,
                ignore_index=ignore_index,
                check_finite=check_finite,
            )
        )

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
            logits: Scores, of shape (B, C), as for every loss.
            labels: B class indices in [0, C), or the ignored one.
            sample_weight: B finite numbers that multiply the loss of each row. Default 1.
            noise: Noise of shape (B, S, C) to use in place of the module's own.
            step: Which noise to draw, 0 to 2^64 - 1. Default: the number of calls so far that were
                given neither noise nor a step.

        Returns:
            A scalar, or for the reduction ``"none"`` B values, of the dtype of the logits. If all
            rows are ignored, the mean is 0 with gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value, or C is not above K.
        """
        return self._forward(logits, labels, sample_weight, noise, self.loss._step(noise, step))

    def get_extra_state(self) -> Tensor:
        """The number of counted calls, for the state_dict."""
        return torch.tensor(self.loss._steps.next, dtype=torch.int64)

    def set_extra_state(self, state: Tensor) -> None:
        """Goes on from the number of calls in a state_dict."""
        self.loss._steps.next = int(state)

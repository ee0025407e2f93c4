"""The softmax-margin family as modules."""

from __future__ import annotations

import topkloss
from topkloss._arrays import Array
from topkloss._loss import Reduction
from topkloss.torch._autograd import LossModule


class CrossEntropyLoss(LossModule):
    """Cross-entropy, with class weights and label smoothing as in ``torch.nn.CrossEntropyLoss``.

    With p the softmax of a row, w the class weights and eta the label smoothing, a row of label y
    has the loss ``(1 - eta) w_y (-log p_y) + (eta / C) sum_j w_j (-log p_j)``.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf; so has, with label smoothing, a row with any masked class of weight above 0.

    Args:
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        label_smoothing: eta, in [0, 1].
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range.
    """

    def __init__(
        self,
        *,
        class_weight: Array | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            topkloss.CrossEntropyLoss(
                class_weight=class_weight,
                label_smoothing=label_smoothing,
                reduction=reduction,
                ignore_index=ignore_index,
                check_finite=check_finite,
            )
        )


class LogitAdjustedLoss(LossModule):
    """Logit-adjusted cross-entropy: cross-entropy on ``z_j + tau log pi_j``.

    pi are the class frequencies. Training with it makes plain argmax the Bayes rule for the
    class-balanced error. tau = 1 is balanced softmax.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; Ren et al., "Balanced
    meta-softmax for long-tailed visual recognition", NeurIPS 2020.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0.
        tau: Strength of the adjustment, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `CrossEntropyLoss`, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: A count or an option is outside its range.
    """

    def __init__(
        self,
        class_counts: Array,
        tau: float = 1.0,
        *,
        class_weight: Array | None = None,
        label_smoothing: float = 0.0,
        count_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            topkloss.LogitAdjustedLoss(
                class_counts=class_counts,
                tau=tau,
                class_weight=class_weight,
                label_smoothing=label_smoothing,
                count_smoothing=count_smoothing,
                reduction=reduction,
                ignore_index=ignore_index,
                check_finite=check_finite,
            )
        )


class LDAMLoss(LossModule):
    """LDAM, the label-distribution-aware margin loss: cross-entropy with a margin for rare classes.

    The logit of the label y is lowered by the margin ``max_margin n_y^(-1/4) / max_c n_c^(-1/4)``,
    then all logits are multiplied by the scale.

    It expects the outputs of a normalised last layer (cosines, in [-1, 1]) and diverges on
    unbounded
    logits: `NormedLinear` is such a layer.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `CrossEntropyLoss`, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: A count or an option is outside its range.
    """

    def __init__(
        self,
        class_counts: Array,
        max_margin: float = 0.5,
        scale: float = 30.0,
        *,
        class_weight: Array | None = None,
        label_smoothing: float = 0.0,
        count_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            topkloss.LDAMLoss(
                class_counts=class_counts,
                max_margin=max_margin,
                scale=scale,
                class_weight=class_weight,
                label_smoothing=label_smoothing,
                count_smoothing=count_smoothing,
                reduction=reduction,
                ignore_index=ignore_index,
                check_finite=check_finite,
            )
        )


class ELMLoss(LossModule):
    """ELM, the enlarged-margin loss: LDAM whose margin also takes in that of the strongest rival.

    The logit of the label y is lowered by ``b_y - lam b_r``, where b_c are the margins of
    `LDAMLoss` and r is the class other than y with the largest logit (the lowest index among
    equals), a constant in the gradient.

    Like LDAM it expects the outputs of a normalised last layer (cosines, in [-1, 1]):
    `NormedLinear` is such a layer.

    Kato and Hotta, "Enlarged large margin loss for imbalanced classification", SMC 2023.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        lam: How much of the rival's margin is taken in, finite. 0 gives LDAM.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `CrossEntropyLoss`, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: A count or an option is outside its range.
    """

    def __init__(
        self,
        class_counts: Array,
        max_margin: float = 0.5,
        scale: float = 30.0,
        lam: float = 1.0,
        *,
        class_weight: Array | None = None,
        label_smoothing: float = 0.0,
        count_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            topkloss.ELMLoss(
                class_counts=class_counts,
                max_margin=max_margin,
                scale=scale,
                lam=lam,
                class_weight=class_weight,
                label_smoothing=label_smoothing,
                count_smoothing=count_smoothing,
                reduction=reduction,
                ignore_index=ignore_index,
                check_finite=check_finite,
            )
        )

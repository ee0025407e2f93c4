"""LDAM and ELM: softmax with margins that grow as classes get rarer."""

from __future__ import annotations

from topkloss._arrays import Array, FloatVector
from topkloss._loss import Loss, Reduction


class LDAMLoss(Loss):
    """LDAM, the label-distribution-aware margin loss: cross-entropy with a margin for rare classes.

    The logit of the label y is lowered by the margin ``max_margin n_y^(-1/4) / max_c n_c^(-1/4)``,
    then all logits are multiplied by the scale.

    It expects the outputs of a normalised last layer (cosines, in [-1, 1]) and diverges on
    unbounded logits: `topkloss.torch.NormedLinear` is such a layer.

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

    _kind = "ldam"

    class_counts: FloatVector
    max_margin: float
    scale: float
    class_weight: FloatVector | None
    label_smoothing: float
    count_smoothing: float

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


class ELMLoss(Loss):
    """ELM, the enlarged-margin loss: LDAM whose margin also takes in that of the strongest rival.

    The logit of the label y is lowered by ``b_y - lam b_r``, where b_c are the margins of
    `LDAMLoss` and r is the class other than y with the largest logit (the lowest index among
    equals), a constant in the gradient.

    Like LDAM it expects the outputs of a normalised last layer (cosines, in [-1, 1]):
    `topkloss.torch.NormedLinear` is such a layer.

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

    _kind = "elm"

    class_counts: FloatVector
    max_margin: float
    scale: float
    lam: float
    class_weight: FloatVector | None
    label_smoothing: float
    count_smoothing: float

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

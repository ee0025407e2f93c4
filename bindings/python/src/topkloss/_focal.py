"""The focal loss."""

from __future__ import annotations

from topkloss._arrays import Array, FloatVector
from topkloss._loss import Loss, Reduction


class FocalLoss(Loss):
    """Focal loss: cross-entropy in which rows that are right already count for little.

    With p the softmax of a row and w the class weights, a row of label y has the loss
    ``w_y (1 - p_y)^gamma (-log p_y)``. gamma = 0 is `CrossEntropyLoss` to the last bit.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf.

    Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017.

    Args:
        gamma: How strongly rows that are right are discounted, finite and 0 or more.
        class_weight: Weight w of each of C classes, finite and 0 or more. Default 1, for any C.
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range.
    """

    _kind = "focal"

    gamma: float
    class_weight: FloatVector | None

    def __init__(
        self,
        gamma: float = 2.0,
        *,
        class_weight: Array | None = None,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            gamma=gamma,
            class_weight=class_weight,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )

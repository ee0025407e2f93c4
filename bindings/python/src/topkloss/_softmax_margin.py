"""The softmax-margin family: cross-entropy on a transformed row.

LDAM and ELM, which belong to it too, are in `_ldam`, the focal loss in `_focal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from topkloss._arguments import Check, class_vector, optional
from topkloss._arrays import Array, FloatVector
from topkloss._loss import Loss, Reduction


class CrossEntropyLoss(Loss):
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

    _kind = "cross_entropy"

    class_weight: FloatVector | None
    label_smoothing: float

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
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )


class LogitAdjustedLoss(Loss):
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

    _kind = "logit_adjusted"

    class_counts: FloatVector
    tau: float
    class_weight: FloatVector | None
    label_smoothing: float
    count_smoothing: float

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
            class_counts=class_counts,
            tau=tau,
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            count_smoothing=count_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )


class VectorScalingLoss(Loss):
    """Vector scaling: cross-entropy on ``(n_j / n_max)^gamma z_j + tau log pi_j``.

    n are the class counts, pi the class frequencies: the additive adjustment of `LogitAdjustedLoss`
    together with a multiplicative one. gamma = 0 is `LogitAdjustedLoss`.

    Kini, Paraskevas, Oymak and Thrampoulidis, "Label-imbalanced and group-sensitive classification
    under overparameterization", NeurIPS 2021 (the factor is their ``1 / Delta_j``).

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0.
        gamma: Strength of the multiplicative adjustment, finite and 0 or more, and small enough
            that no factor comes out below 1e-15.
        tau: Strength of the additive adjustment, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `CrossEntropyLoss`, in [0, 1].
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: A count or an option is outside its range.
    """

    _kind = "vector_scaling"

    class_counts: FloatVector
    gamma: float
    tau: float
    class_weight: FloatVector | None
    label_smoothing: float
    count_smoothing: float

    def __init__(
        self,
        class_counts: Array,
        gamma: float = 0.3,
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
            class_counts=class_counts,
            gamma=gamma,
            tau=tau,
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            count_smoothing=count_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )


class MarginSoftmaxLoss(Loss):
    """Margin softmax, the family itself: cross-entropy on a row transformed as the caller likes.

    With a the offset, b the margin, d the class scale and s the scale, a row z of label y becomes
    ``u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_r))``, where r is the class other than y with
    the largest logit (the lowest index among equals), a constant in the gradient. The pairwise
    margins ``a_j - a_y + b_y`` cover logit adjustment, LDAM and what lies between.

    Margins expect bounded logits, such as the cosines of `topkloss.torch.NormedLinear`.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.

    Args:
        offset: a of each of C classes, finite. Default 0.
        margin: b of each class, in units of a logit, finite. Default 0.
        class_scale: d of each class, finite and above 0. Default 1.
        scale: s, finite and above 0.
        lam: How much of the rival's margin is taken in, finite.
        class_weight: Weight of each class, finite and 0 or more. Default 1.
        label_smoothing: As in `CrossEntropyLoss`, in [0, 1].
        reduction: ``"mean"`` (weighted by class and sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range, or vectors by class differ in length.
    """

    _kind = "margin_softmax"
    _checks: ClassVar[Mapping[str, Check]] = dict.fromkeys(
        ("offset", "margin", "class_scale"), optional(class_vector)
    )

    offset: FloatVector | None
    margin: FloatVector | None
    class_scale: FloatVector | None
    scale: float
    lam: float
    class_weight: FloatVector | None
    label_smoothing: float

    def __init__(
        self,
        *,
        offset: Array | None = None,
        margin: Array | None = None,
        class_scale: Array | None = None,
        scale: float = 1.0,
        lam: float = 0.0,
        class_weight: Array | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            offset=offset,
            margin=margin,
            class_scale=class_scale,
            scale=scale,
            lam=lam,
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )

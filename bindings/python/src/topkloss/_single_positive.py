"""Multi-label learning from one positive label a row."""

from __future__ import annotations

from typing import Literal, TypeAlias

from topkloss._loss import Loss, Reduction

Method: TypeAlias = Literal["an", "wan", "epr"]


class SinglePositiveLoss(Loss):
    """Binary cross-entropy of every class, where only one positive label a row is known.

    With f = sigmoid(z), a row of label y has the loss

    - ``"an"``, assume negative: ``-(1/C) (log f_y + sum_{j != y} log(1 - f_j))``;
    - ``"wan"``, weak assume negative: the same with the negatives times ``1 / (C - 1)``;
    - ``"epr"``, expected-positive regularisation: ``-log f_y + lambda ((k - K) / C)^2``, K the
      expected number of positives and k the mean of ``sum_j f_ij`` over the batch's rows that
      count, weighted by sample_weight. So a row's loss depends on the whole batch, and its gradient
      is that of all rows' losses; rows with NaN or +inf are left out of k.

    A logit of -inf is a probability of 0.

    Cole, Mac Aodha, Lorieul, Perona, Morris and Jojic, "Multi-label learning from single positive
    labels", CVPR 2021.

    Args:
        method: ``"an"``, ``"wan"`` or ``"epr"``.
        expected_positives: With ``"epr"`` only, which needs it: K, finite and above 0.
        regularization: With ``"epr"`` only: lambda, finite and 0 or more.
        reduction: ``"mean"`` (weighted by sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Raises:
        TopKLossError: An option is outside its range.
    """

    _kind = "single_positive"

    method: Method
    expected_positives: float | None
    regularization: float

    def __init__(
        self,
        method: Method = "an",
        *,
        expected_positives: float | None = None,
        regularization: float = 1.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        super().__init__(
            method=method,
            expected_positives=expected_positives,
            regularization=regularization,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )

"""Multi-label learning from one positive label a row."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, Literal, TypeAlias

from topkloss._curvature import of_sigmoids
from topkloss._loss import Loss
from topkloss._records import Traits, record

__all__ = ["SinglePositiveLoss"]

Method: TypeAlias = Literal["an", "wan", "epr"]


def _has_penalty(loss: Any) -> bool:
    return bool(loss.method == "epr")


_NO_PENALTY: Any = (
    lambda options: options["method"] != "epr",
    "only method='epr' counts expected positives",
)


@record
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

    To tune: the method first; with ``"epr"``, then regularization, over 1, 10, 100 and C. (The
    authors' code divides the first term by C as well: its lambda is C times this one.)

    What goes wrong: with ``"an"`` every score is pushed towards 0, and none may reach a half: judge
    it by ranks, or take ``"wan"``. With ``"epr"``, too small a regularization, and every class is
    positive; too large, and every row has about K positives, however telling it is.

    Not for: rows that have one right class: a softmax knows that there is one. Nor, with ``"epr"``,
    for small batches, whose mean number of positives is anybody's guess.

    Args:
        method: ``"an"``, ``"wan"`` or ``"epr"``.
        expected_positives: With ``"epr"`` only, which needs it: K, finite and above 0.
        regularization: With ``"epr"`` only: lambda, finite and 0 or more.
    """

    _kind = "single_positive"
    _traits = Traits(
        curvature=of_sigmoids, rows_are_compared=_has_penalty, rows_are_coupled=_has_penalty
    )

    _idle = dict.fromkeys(("expected_positives", "regularization"), _NO_PENALTY)

    method: Method = "an"
    _: KW_ONLY
    expected_positives: float | None = None
    regularization: float = 1.0

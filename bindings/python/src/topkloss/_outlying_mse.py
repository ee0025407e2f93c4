"""Mean squared error with outlying label."""

from __future__ import annotations

from ctypes import byref
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from topkloss._address import address
from topkloss._arguments import RULES, choice
from topkloss._arrays import Array, FloatVector
from topkloss._evaluation import describe
from topkloss._library import check, library
from topkloss._loss import Loss, Reduction
from topkloss.errors import TopKLossError

Rule: TypeAlias = Literal["argmax", "nearest"]


class OutlyingMSELoss(Loss):
    """Mean squared error with outlying label: regression on labels farther out for rarer classes.

    A row z of label y has the loss ``(1/C) sum_j (z_j - [j = y] t_y)^2``; there is no softmax. The
    teacher is ``t_c = alpha r_c``, r_c the rank of class c by decreasing count (1: the most
    frequent; of equal counts, the lower index first), or the caller's own. A logit of -inf is
    regressed like any other: value +inf, gradient -inf there.

    Kato and Hotta, "MSE loss with outlying label for imbalanced classification", 2021.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0. May be
            left out, and is not looked at, with a teacher.
        alpha: Teacher of the most frequent class, in units of a logit; finite and above 0.
        teacher: t of each class, finite. Default ``alpha r_c``.
        count_smoothing: Added to every count, 0 or more; above 0, counts of 0 are allowed.
        reduction: ``"mean"`` (weighted by sample weights), ``"sum"`` or ``"none"``.
        ignore_index: Label of rows to leave out.
        check_finite: Refuse NaN and +inf among the logits.

    Attributes:
        teacher: The t in use, C float64 numbers, whether given or made from the counts.

    Raises:
        TopKLossError: A count or an option is outside its range, or there are neither counts nor a
            teacher.
    """

    _kind = "outlying_mse"

    class_counts: FloatVector | None
    alpha: float
    teacher: FloatVector
    count_smoothing: float

    def __init__(
        self,
        class_counts: Array | None = None,
        alpha: float = 1.0,
        *,
        teacher: Array | None = None,
        count_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        check_finite: bool = False,
    ) -> None:
        if class_counts is None and teacher is None:
            raise TopKLossError(
                "class_counts is None; it may be left out with a teacher only",
                "TOPKLOSS_ERROR_NULL_POINTER",
            )
        super().__init__(
            class_counts=class_counts,
            alpha=alpha,
            teacher=teacher,
            count_smoothing=count_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            check_finite=check_finite,
        )
        given = self._arguments["class_counts"] if teacher is None else self._arguments["teacher"]
        in_use = np.empty(len(given))
        check(library.topkloss_outlying_mse_teacher(self._handle, len(in_use), address(in_use)))
        in_use.flags.writeable = False
        self.__dict__["teacher"] = in_use

    def predict(self, logits: Array, rule: Rule = "argmax") -> npt.NDArray[np.int64]:
        """The class that each row stands for. Of equal scores the lowest index wins.

        Args:
            logits: Scores, of shape (B, C), as for calling the loss. NaN ranks below everything.
            rule: ``"argmax"``: the largest logit, ``argmax_j z_j``. ``"nearest"``: the class whose
                teacher vector ``t_c e_c`` is nearest to the row, ``argmax_j t_j (2 z_j - t_j)``.

        Returns:
            B class indices.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        code = choice("rule", rule, RULES)
        batch, scores = describe("logits", logits)
        predictions = np.empty(len(scores), np.int64)
        check(
            library.topkloss_outlying_mse_predict(
                self._handle, byref(batch), code, address(predictions)
            )
        )
        return predictions

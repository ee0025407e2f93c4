"""Mean squared error with outlying label."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import byref
from dataclasses import KW_ONLY
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from topkloss._address import address
from topkloss._arguments import RULES, TEACHERS, choice
from topkloss._arrays import Array
from topkloss._curvature import of_squares
from topkloss._evaluation import describe
from topkloss._library import check, library
from topkloss._loss import CountSmoothing
from topkloss._records import BY_RANK, NO_VECTOR, OptionalVector, Teacher, Traits, record
from topkloss.errors import TopKLossError

__all__ = ["OutlyingMSELoss"]

Rule: TypeAlias = Literal["argmax", "nearest"]


def takes_counts(options: Mapping[str, Any]) -> bool:
    """Whether the teacher is made from counts, and not the caller's own."""
    return isinstance(options.get("teacher", "rank"), str)


@record
class OutlyingMSELoss(CountSmoothing):
    """Mean squared error with outlying label: regression on labels farther out for rarer classes.

    A row z of label y has the loss ``(1/C) sum_j (z_j - [j = y] t_y)^2``; there is no softmax. The
    teacher t lies the farther out, the rarer the class:

    - ``"rank"``, the paper's: ``t_c = alpha r_c``, r_c the rank of class c by decreasing count (1:
      the most frequent; of equal counts, the lower index first).
    - ``"power"``, in no paper: ``t_c = alpha (n_max / n_c)^power``.

    What is regressed is ``t_c p_c``: by rank the last of C classes is preferred C times over the
    first, however alike their counts. A logit of -inf is regressed like any other: value +inf,
    gradient -inf there.

    Kato and Hotta, "MSE loss with outlying label for imbalanced classification", 2021.

    To tune: alpha, so that the furthest teacher, alpha C, is of the size of 10 to 50; with hundreds
    of classes take the teacher ``"power"``, and tune power over 0.25, 0.5 and 0.75.

    What goes wrong: too far out, and the loss is in the hundreds, frequent classes are lost, and
    steps diverge; too near, and all logits stay near 0 and the frequent classes win.

    Not for: probabilities: its scores are a regression. Nor, by rank, for classes of nearly equal
    counts, which it sets far apart.

    Args:
        class_counts: Number of training examples of each of C classes, finite and above 0. May be
            left out, and is not looked at, with a teacher of the caller's own.
        alpha: Teacher of the most frequent class, in units of a logit; finite and above 0.
        teacher: ``"rank"``, ``"power"``, or t of each class, finite.
        power: With ``"power"`` only: its exponent, 0 or more.

    Attributes:
        teacher: The t in use, C float64 numbers, whether given or made from the counts.

    Raises:
        TopKLossError: A count or an option is outside its range, or there are neither counts nor a
            teacher.
    """

    _kind = "outlying_mse"
    _traits = Traits(curvature=of_squares, takes_counts=takes_counts)

    _idle = {  # noqa: RUF012
        "alpha": (
            lambda options: not takes_counts(options),
            "a teacher of your own is taken as it is",
        ),
        "power": (
            lambda options: not (takes_counts(options) and options["teacher"] == "power"),
            "only teacher='power' has an exponent",
        ),
    }

    class_counts: OptionalVector = NO_VECTOR
    alpha: float = 1.0
    _: KW_ONLY
    teacher: Teacher = BY_RANK
    power: float = 0.5

    def _make(self, arguments: dict[str, Any]) -> None:
        if arguments["class_counts"] is None and takes_counts(arguments):
            raise TopKLossError(
                "class_counts is None; it may be left out with a teacher of your own only",
                "TOPKLOSS_ERROR_NULL_POINTER",
            )
        super()._make(arguments)
        values = self._arguments
        in_use = np.empty(len(values["class_counts" if takes_counts(values) else "teacher"]))
        check(library.topkloss_outlying_mse_teacher(self._handle, len(in_use), address(in_use)))
        in_use.flags.writeable = False
        self.__dict__["teacher"] = in_use

    @classmethod
    def _members(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        if not takes_counts(arguments):
            return arguments
        return {**arguments, "teacher": None, "teacher_rule": TEACHERS[arguments["teacher"]]}

    def predict(self, logits: Array, rule: Rule = "argmax") -> npt.NDArray[np.int64]:
        """The class that each row stands for. Of equal scores the lowest index wins.

        Args:
            logits: Scores, of shape (..., C), as for calling the loss. NaN ranks below everything.
            rule: ``"argmax"``: the largest logit, ``argmax_j z_j``. ``"nearest"``: the class whose
                teacher vector ``t_c e_c`` is nearest to the row, ``argmax_j t_j (2 z_j - t_j)``.

        Returns:
            Class indices, of shape (...).

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        code = choice("rule", rule, RULES)
        batch, _rows = describe("logits", logits)
        predictions = np.empty(batch.lead, np.int64)
        check(
            library.topkloss_outlying_mse_predict(
                self._handle, byref(batch), code, address(predictions)
            )
        )
        return predictions

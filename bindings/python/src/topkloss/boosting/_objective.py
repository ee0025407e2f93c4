"""Objectives and metrics as XGBoost and LightGBM call them."""

from __future__ import annotations

from typing import Any

import numpy as np

from topkloss._arrays import AnyArray, numbers
from topkloss._curvature import Curvature, Times
from topkloss._handle import Handle
from topkloss._loss import Loss
from topkloss._records import LOSSES
from topkloss.errors import TopKLossError

SMALLEST = 1e-16
"""What no second derivative is below: leaves divide by their sum."""


def xgboost_factor(classes: int) -> float:  # noqa: ARG001
    """The factor with which the diagonal bounds a row's whole Hessian."""
    return 2.0


def lightgbm_factor(classes: int) -> float:
    """The factor on the diagonal in LightGBM's own multi-class objective."""
    return classes / (classes - 1) if classes > 1 else 1.0


def _arguments(first: Any, second: Any, sample_weight: Any) -> tuple[AnyArray, AnyArray, Any]:
    """Scores, labels and weights of a call by either interface of either library.

    The libraries' own interfaces call with scores and a data set, the scikit-learn ones with labels
    and scores.
    """
    if hasattr(second, "get_label"):
        scores, labels = numbers("scores", first), second.get_label()
        sample_weight = second.get_weight()
    else:
        labels, scores = first, numbers("scores", second)
    if scores.ndim != 2:
        raise TopKLossError(
            f"the scores have shape {scores.shape}; they must have two dimensions, rows and "
            "classes: set num_class to the number of classes, in XGBoost and LightGBM alike. Their "
            "scikit-learn interfaces do not pass it on for two classes; use xgboost.train or "
            "lightgbm.train there",
            "TOPKLOSS_ERROR_SIZE",
        )
    given = numbers("labels", labels)
    whole = given.astype(np.int64)
    if not np.array_equal(whole, given):
        raise TopKLossError(
            f"labels has the value {given[whole != given][0]}; labels must be whole numbers",
            "TOPKLOSS_ERROR_LABEL",
        )
    if sample_weight is None or np.size(sample_weight) == 0:
        return scores, whole, None
    weights = numbers("sample_weight", sample_weight)
    if weights.shape != whole.shape:
        raise TopKLossError(
            f"sample_weight has shape {weights.shape}; with labels of shape {whole.shape} it must "
            "have that one",
            "TOPKLOSS_ERROR_SIZE",
        )
    if not (weights >= 0).all():
        raise TopKLossError(
            f"sample_weight has the value {weights[~(weights >= 0)][0]}; weights must be 0 or more",
            "TOPKLOSS_ERROR_OPTION",
        )
    return scores, whole, weights


def _with_reduction(loss: Any, reduction: str) -> Any:
    if not isinstance(loss, Loss):
        raise TopKLossError(
            f"loss is {loss!r}; it must be a loss of topkloss with one head",
            "TOPKLOSS_ERROR_OPTION",
        )
    return loss._with(reduction=reduction)


def _curvature_of(loss: Any) -> Curvature:
    """How the diagonal of a loss's Hessian is found."""
    traits = loss._traits if isinstance(loss, Handle) else Handle._traits
    reason: Any = traits.curvature
    if traits.rows_are_coupled(loss):
        reason = "with these options couples all rows: a row's loss depends on the others' scores"
    if callable(reason):
        found: Curvature = reason
        return found
    able = [kind.__name__ for kind in LOSSES.values() if callable(kind._traits.curvature)]
    raise TopKLossError(
        f"{loss!r} {reason}; boosting needs a positive second derivative of every score. "
        f"Objectives can be made of {', '.join(able)}",
        "TOPKLOSS_ERROR_OPTION",
    )


class Objective:
    """A custom objective. Made by `xgboost_objective` and `lightgbm_objective`.

    Attributes:
        loss: The loss whose sum over the rows is minimised.
    """

    def __init__(self, loss: Loss, factor: Times) -> None:
        self._curvature = _curvature_of(loss)
        self._factor = factor
        self.loss = _with_reduction(loss, "sum")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made anew: boosters keep their objectives."""
        return type(self), (self.loss, self._factor)

    def __call__(
        self, first: Any, second: Any, sample_weight: Any = None
    ) -> tuple[AnyArray, AnyArray]:
        """Gradient and second derivatives of the weighted sum of all rows' losses.

        Args:
            first: Scores, of shape (n, C), or, by the scikit-learn interfaces, labels.
            second: The DMatrix or Dataset with labels and weights, or scores.
            sample_weight: By the scikit-learn interfaces, the rows' weights.

        Returns:
            Two arrays of shape (n, C): the gradient, and the diagonal of an upper bound of each
            row's Hessian (of the Hessian itself where that is diagonal), at least 1e-16.

        Raises:
            TopKLossError: Scores or labels have a wrong shape or value.
        """
        scores, labels, weights = _arguments(first, second, sample_weight)
        _, gradient = self.loss.value_and_grad(scores, labels)
        counted = labels != self.loss.ignore_index
        hessian = self._curvature(self.loss, gradient, np.where(counted, labels, 0), self._factor)
        hessian[~counted] = 0
        if weights is not None:
            column = np.asarray(weights, gradient.dtype)[:, None]
            gradient *= column
            hessian *= column
        return gradient, np.maximum(hessian, SMALLEST, out=hessian)


class Metric:
    """An evaluation metric: the mean loss. Made by `xgboost_metric` and `lightgbm_metric`.

    Attributes:
        loss: The loss whose mean over the rows is reported.
    """

    def __init__(self, loss: Loss, lightgbm: bool) -> None:
        self.loss = _with_reduction(loss, "mean")
        self._lightgbm = lightgbm
        self.__name__ = self.loss._kind  # by which XGBoost's scikit-learn interface reports it

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made anew."""
        return type(self), (self.loss, self._lightgbm)

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> Any:
        """The mean loss of raw scores, weighted by class and sample weights.

        Args:
            first: Scores, of shape (n, C), or, by the scikit-learn interfaces, labels.
            second: The DMatrix or Dataset with labels and weights, or scores.
            sample_weight: By the scikit-learn interfaces, the rows' weights.

        Returns:
            What the library wants: for LightGBM the name, the value and that lower is better; for
            XGBoost the name and the value, or by its scikit-learn interface the value.
        """
        scores, labels, weights = _arguments(first, second, sample_weight)
        # Noise that is the same in every round: rounds are to be compared.
        fixed = {"step": 0} if self.loss._traits.is_random(self.loss) else {}
        value = self.loss(scores, labels, sample_weight=weights, **fixed)
        if self._lightgbm:
            return self.__name__, value, False
        return (self.__name__, value) if hasattr(second, "get_label") else value

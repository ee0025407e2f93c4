"""The losses of topkloss as multi-class objectives of XGBoost and LightGBM.

    import topkloss
    import xgboost
    from topkloss.boosting import xgboost_objective

    objective = xgboost_objective(topkloss.LogitAdjustedLoss(class_counts))
    booster = xgboost.train({"num_class": C, "base_score": 0}, data, obj=objective)
    scores = booster.predict(new_data, output_margin=True)  # argmax over axis 1

    import lightgbm
    from topkloss.boosting import lightgbm_objective

    objective = lightgbm_objective(topkloss.LogitAdjustedLoss(class_counts))
    booster = lightgbm.train({"objective": objective, "num_class": C}, dataset)
    scores = booster.predict(new_inputs)

The same objects serve the scikit-learn interfaces: ``XGBClassifier(objective=...)``,
``LGBMClassifier(objective=...)``, for three or more classes: for two they ask an objective for one
score a row, where the losses have two. With two, use ``train`` and ``num_class=2``. LightGBM's
``predict`` gives raw scores then, so take the argmax over axis 1. Weights are respected.

Trees get the gradient from the library, and from it the second derivatives. For the softmax family
these are, for XGBoost, twice the diagonal of each row's Hessian, which bounds the whole of it from
above. (XGBoost's own ``multi:softprob`` takes the same up to release 3.2, and |p - y| later, which
serves rare classes no better: examples/python/boosting has the figures.) For LightGBM they are
C / (C - 1) times the diagonal, as in its own objective. `topkloss.OutlyingMSELoss` and
`topkloss.SinglePositiveLoss` have diagonal Hessians, which are used as they are. Losses without a
positive second derivative are refused, with the reason.

With a custom objective both libraries predict raw scores. LDAM and ELM expect bounded scores; with
trees, give them a small scale.
"""

from __future__ import annotations

from topkloss._loss import Loss
from topkloss.boosting._objective import Metric, Objective, lightgbm_factor, xgboost_factor

__all__ = [
    "lightgbm_metric",
    "lightgbm_objective",
    "xgboost_metric",
    "xgboost_objective",
]


def xgboost_objective(loss: Loss) -> Objective:
    """An objective for ``xgboost.train(..., obj=...)`` or ``XGBClassifier(objective=...)``.

    Needs XGBoost 2.1 or newer, and ``num_class`` among its parameters.

    Args:
        loss: A loss of the softmax-margin family, `topkloss.OutlyingMSELoss`, or
            `topkloss.SinglePositiveLoss` but for ``"epr"``. Its reduction is not looked at.

    Returns:
        A function of predictions and a DMatrix, or of labels, predictions and weights.

    Raises:
        TopKLossError: The loss has no positive second derivatives.
    """
    return Objective(loss, xgboost_factor)


def lightgbm_objective(loss: Loss) -> Objective:
    """An objective for ``lightgbm.train({"objective": ...})`` or ``LGBMClassifier(objective=...)``.

    Needs LightGBM 4 or newer, and ``num_class`` among its parameters.

    Args:
        loss: A loss of the softmax-margin family, `topkloss.OutlyingMSELoss`, or
            `topkloss.SinglePositiveLoss` but for ``"epr"``. Its reduction is not looked at.

    Returns:
        A function of predictions and a Dataset, or of labels, predictions and weights.

    Raises:
        TopKLossError: The loss has no positive second derivatives.
    """
    return Objective(loss, lightgbm_factor)


def xgboost_metric(loss: Loss) -> Metric:
    """The mean loss, for ``xgboost.train(..., custom_metric=...)`` beside a custom objective.

    Beside one of XGBoost's own objectives it would be given probabilities instead of scores.

    Args:
        loss: Any loss of one head. Its reduction is not looked at.

    Returns:
        A function of predictions and a DMatrix, or of labels and predictions.
    """
    return Metric(loss, lightgbm=False)


def lightgbm_metric(loss: Loss) -> Metric:
    """The mean loss, for ``lightgbm.train(..., feval=...)`` beside a custom objective.

    Args:
        loss: Any loss of one head. Its reduction is not looked at.

    Returns:
        A function of predictions and a Dataset, or of labels, predictions and weights.
    """
    return Metric(loss, lightgbm=True)

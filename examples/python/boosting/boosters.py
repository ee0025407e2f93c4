"""The two libraries, each with its own objective or one of topkloss's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import lightgbm
import numpy as np
import xgboost
from cities import Cities
from numpy.typing import NDArray
from topkloss import CrossEntropyLoss, LogitAdjustedLoss, OutlyingMSELoss
from topkloss.boosting import lightgbm_objective, xgboost_objective

Scores: TypeAlias = NDArray[Any]
LOSSES: dict[str, Callable[[NDArray[np.int64]], Any]] = {
    "built-in": lambda counts: None,
    "cross-entropy": lambda counts: CrossEntropyLoss(),
    "half-adjusted": lambda counts: LogitAdjustedLoss(counts, tau=0.5),
    "logit-adjusted": lambda counts: LogitAdjustedLoss(counts),
    "outlying-mse": lambda counts: OutlyingMSELoss(teacher=(counts.max() / counts) ** 0.25),
}
"""What to minimise, from the training rows a class; None for the library's own softmax."""


def with_xgboost(
    loss: Any, train: Cities, test: Cities, rounds: int, after_round: Callable[[], None]
) -> Scores:
    """Scores of the test rows, shape (N, C)."""

    class Report(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            after_round()
            return False

    booster = xgboost.train(
        {
            "num_class": len(train.countries),
            "max_depth": 5,
            "eta": 0.3,
            "tree_method": "hist",
            "base_score": 0.0,
            **({"objective": "multi:softprob"} if loss is None else {}),
        },
        xgboost.DMatrix(train.inputs, train.labels),
        rounds,
        obj=None if loss is None else xgboost_objective(loss),
        callbacks=[Report()],
    )
    return np.asarray(booster.predict(xgboost.DMatrix(test.inputs), output_margin=True))


def with_lightgbm(
    loss: Any, train: Cities, test: Cities, rounds: int, after_round: Callable[[], None]
) -> Scores:
    """Scores of the test rows, shape (N, C)."""
    booster = lightgbm.train(
        {
            "objective": "multiclass" if loss is None else lightgbm_objective(loss),
            "num_class": len(train.countries),
            "num_leaves": 24,
            "learning_rate": 0.2,
            "min_sum_hessian_in_leaf": 1.0,
            "boost_from_average": False,
            "verbose": -1,
        },
        lightgbm.Dataset(train.inputs, train.labels),
        rounds,
        callbacks=[lambda _: after_round()],
    )
    return np.asarray(booster.predict(test.inputs, raw_score=True))


LIBRARIES = {"XGBoost": with_xgboost, "LightGBM": with_lightgbm}

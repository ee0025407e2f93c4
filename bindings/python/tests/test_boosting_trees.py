"""Objectives inside XGBoost and LightGBM, beside these libraries' own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

import topkloss
from topkloss.boosting import (
    lightgbm_metric,
    lightgbm_objective,
    xgboost_metric,
    xgboost_objective,
)

CLASSES = 4


@pytest.fixture(scope="module")
def data():
    """A long-tailed problem of four classes, with weights of the rows."""
    rng = np.random.default_rng(0)
    labels = rng.choice(CLASSES, size=900, p=[0.8, 0.14, 0.04, 0.02])
    centres = 1.6 * rng.standard_normal((CLASSES, 5))
    inputs = centres[labels] + rng.standard_normal((900, 5))
    return inputs, labels, rng.uniform(0.2, 2, 900)


@pytest.mark.parametrize("weighted", [False, True])
def test_xgboost_grows_the_trees_of_the_bound(data, weighted):
    """Those of p - y and 2 p (1 - p), written out: XGBoost's own objective may be another one."""
    xgboost = pytest.importorskip("xgboost", minversion="2.1")
    inputs, labels, weights = data
    matrix = xgboost.DMatrix(inputs, labels, weight=weights if weighted else None)
    parameters = {"num_class": CLASSES, "max_depth": 4, "nthread": 1, "base_score": 0.0}

    def bound(scores, _):
        p = softmax(np.asarray(scores, np.float64), axis=1)
        each = (weights if weighted else np.ones(len(p)))[:, None]
        return each * (p - np.eye(CLASSES)[labels]), each * 2 * p * (1 - p)

    expected = xgboost.train(parameters, matrix, 15, obj=bound).predict(matrix, output_margin=True)
    objective = xgboost_objective(topkloss.CrossEntropyLoss())
    found = xgboost.train(parameters, matrix, 15, obj=objective).predict(matrix, output_margin=True)
    # Gradients differ by rounding, and a split between equals may then fall otherwise.
    assert np.median(np.abs(found - expected)) < 1e-4
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.995


@pytest.mark.parametrize("weighted", [False, True])
def test_lightgbm_grows_its_own_trees_with_cross_entropy(data, weighted):
    lightgbm = pytest.importorskip("lightgbm", minversion="4.0")
    inputs, labels, weights = data

    def dataset():
        return lightgbm.Dataset(inputs, labels, weight=weights if weighted else None)

    parameters = {
        "num_class": CLASSES,
        "num_leaves": 8,
        "num_threads": 1,
        "verbose": -1,
        "boost_from_average": False,
        "deterministic": True,
    }
    own = lightgbm.train({**parameters, "objective": "multiclass"}, dataset(), 15)
    objective = lightgbm_objective(topkloss.CrossEntropyLoss())
    ours = lightgbm.train({**parameters, "objective": objective}, dataset(), 15)
    expected = own.predict(inputs, raw_score=True)
    found = ours.predict(inputs)
    assert np.median(np.abs(found - expected)) < 1e-4
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.995


def macro(scores, labels):
    return topkloss.metrics.topk_accuracy(np.ascontiguousarray(scores), labels, average="macro")


def test_adjustment_helps_rare_classes_in_both(data):
    xgboost = pytest.importorskip("xgboost", minversion="2.1")
    lightgbm = pytest.importorskip("lightgbm", minversion="4.0")
    inputs, labels, _ = data
    train, test = slice(0, 450), slice(450, 900)
    counts = np.bincount(labels[train], minlength=CLASSES)
    accuracy = {}
    for name, loss in (
        ("plain", topkloss.CrossEntropyLoss()),
        ("adjusted", topkloss.LogitAdjustedLoss(counts)),
    ):
        booster = xgboost.train(
            {"num_class": CLASSES, "max_depth": 3, "nthread": 1, "base_score": 0.0},
            xgboost.DMatrix(inputs[train], labels[train]),
            20,
            obj=xgboost_objective(loss),
        )
        scores = booster.predict(xgboost.DMatrix(inputs[test]), output_margin=True)
        accuracy["xgboost", name] = macro(scores, labels[test])
        model = lightgbm.train(
            {
                "objective": lightgbm_objective(loss),
                "num_class": CLASSES,
                "num_leaves": 8,
                "num_threads": 1,
                "verbose": -1,
            },
            lightgbm.Dataset(inputs[train], labels[train]),
            20,
        )
        accuracy["lightgbm", name] = macro(model.predict(inputs[test]), labels[test])
    for library in ("xgboost", "lightgbm"):
        assert accuracy[library, "adjusted"] > accuracy[library, "plain"] + 0.03, accuracy


@pytest.mark.parametrize(
    "loss",
    [topkloss.OutlyingMSELoss([720, 126, 36, 18]), topkloss.SinglePositiveLoss("an")],
    ids=["mse", "an"],
)
def test_other_losses_fall(data, loss):
    xgboost = pytest.importorskip("xgboost", minversion="2.1")
    inputs, labels, _ = data
    matrix = xgboost.DMatrix(inputs, labels)
    history = {}
    xgboost.train(
        {"num_class": CLASSES, "max_depth": 3, "nthread": 1, "base_score": 0.0},
        matrix,
        15,
        obj=xgboost_objective(loss),
        custom_metric=xgboost_metric(loss),
        evals=[(matrix, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    values = history["train"][loss._kind]
    assert (np.diff(values) < 0).all()
    assert values[-1] < 0.7 * values[0]


def test_scikit_learn_interfaces(data):
    """The same trees as by the libraries' own interfaces, and predictions of the right classes."""
    xgboost = pytest.importorskip("xgboost", minversion="2.1")
    lightgbm = pytest.importorskip("lightgbm", minversion="4.0")
    pytest.importorskip("sklearn")
    inputs, labels, weights = data
    loss = topkloss.LogitAdjustedLoss(np.bincount(labels))
    model = xgboost.XGBClassifier(
        objective=xgboost_objective(loss), n_estimators=10, max_depth=3, n_jobs=1, base_score=0.0
    )
    model.fit(inputs, labels, sample_weight=weights)
    booster = xgboost.train(
        {"num_class": CLASSES, "max_depth": 3, "nthread": 1, "base_score": 0.0},
        xgboost.DMatrix(inputs, labels, weight=weights),
        10,
        obj=xgboost_objective(loss),
    )
    expected = booster.predict(xgboost.DMatrix(inputs), output_margin=True)
    np.testing.assert_allclose(model.predict(inputs, output_margin=True), expected, rtol=1e-5)

    options = {"num_leaves": 8, "num_threads": 1, "verbose": -1}
    classifier = lightgbm.LGBMClassifier(
        objective=lightgbm_objective(loss), n_estimators=10, **options
    )
    classifier.fit(inputs, labels, sample_weight=weights)
    native = lightgbm.train(
        {"objective": lightgbm_objective(loss), "num_class": CLASSES, **options},
        lightgbm.Dataset(inputs, labels, weight=weights),
        10,
    )
    np.testing.assert_allclose(
        classifier.predict(inputs, raw_score=True), native.predict(inputs), rtol=1e-6, atol=1e-9
    )


def test_two_classes(data):
    """By the libraries' own interfaces; the scikit-learn ones are refused with the reason."""
    xgboost = pytest.importorskip("xgboost", minversion="2.1")
    lightgbm = pytest.importorskip("lightgbm", minversion="4.0")
    pytest.importorskip("sklearn")
    inputs, labels, _ = data
    two = np.minimum(labels, 1)
    loss = topkloss.CrossEntropyLoss()
    options = {"num_leaves": 8, "num_threads": 1, "verbose": -1}
    booster = xgboost.train(
        {"num_class": 2, "nthread": 1}, xgboost.DMatrix(inputs, two), 5, obj=xgboost_objective(loss)
    )
    scores = booster.predict(xgboost.DMatrix(inputs), output_margin=True)
    assert (scores.argmax(1) == two).mean() > 0.9
    model = lightgbm.train(
        {"objective": lightgbm_objective(loss), "num_class": 2, **options},
        lightgbm.Dataset(inputs, two),
        20,
    )
    assert (model.predict(inputs).argmax(1) == two).mean() > 0.9
    for classifier in (
        xgboost.XGBClassifier(objective=xgboost_objective(loss), n_estimators=2, n_jobs=1),
        lightgbm.LGBMClassifier(objective=lightgbm_objective(loss), n_estimators=2, **options),
    ):
        with pytest.raises(topkloss.TopKLossError, match="for two classes"):
            classifier.fit(inputs, two)


def test_lightgbm_metric(data):
    lightgbm = pytest.importorskip("lightgbm", minversion="4.0")
    inputs, labels, weights = data
    loss = topkloss.LogitAdjustedLoss(np.bincount(labels))
    history = {}
    train = lightgbm.Dataset(inputs, labels, weight=weights)
    booster = lightgbm.train(
        {
            "objective": lightgbm_objective(loss),
            "num_class": CLASSES,
            "num_leaves": 8,
            "num_threads": 1,
            "verbose": -1,
            "metric": "None",
        },
        train,
        10,
        valid_sets=[train],
        feval=lightgbm_metric(loss),
        callbacks=[lightgbm.record_evaluation(history)],
    )
    values = history["training"]["logit_adjusted"]
    expected = loss(np.ascontiguousarray(booster.predict(inputs)), labels, sample_weight=weights)
    assert values[-1] == pytest.approx(expected, rel=1e-6)
    assert (np.diff(values) < 0).all()

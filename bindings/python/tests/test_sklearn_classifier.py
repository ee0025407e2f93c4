"""The classifier against scikit-learn's own, and against the objective that it minimises."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from losses import BY_KIND
from scipy.special import log_softmax

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from topkloss.sklearn import LinearClassifier

CLASSES = ["rare", "common", "middling"]


@pytest.fixture
def data(rng):
    """A long tail of three classes that overlap, under names that are not in order of size."""
    labels = rng.choice(3, size=600, p=[0.05, 0.75, 0.2])
    inputs = 1.2 * rng.standard_normal((3, 6))[labels] + rng.standard_normal((600, 6))
    return inputs, np.array(CLASSES)[labels], rng.uniform(0.1, 2, 600)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_cross_entropy_is_logistic_regression(data, weighted, intercept):
    inputs, labels, weights = data
    sample_weight = weights if weighted else None
    own = LogisticRegression(C=0.3, fit_intercept=intercept, tol=1e-9, max_iter=5000)
    own.fit(inputs, labels, sample_weight)
    ours = LinearClassifier(C=0.3, fit_intercept=intercept, tol=1e-9)
    ours.fit(inputs, labels, sample_weight)
    np.testing.assert_allclose(ours.coef_, own.coef_, atol=2e-6)
    np.testing.assert_allclose(
        ours.predict_proba(inputs), own.predict_proba(inputs), rtol=1e-4, atol=1e-7
    )
    assert ours.classes_.tolist() == sorted(CLASSES)


def test_logit_adjusted_minimises_its_objective(data):
    """Against SciPy on the objective written out, with a gradient by differences."""
    inputs, labels, weights = data
    inputs, labels, weights = inputs[:150, :2], labels[:150], weights[:150]
    classes, index = np.unique(labels, return_inverse=True)
    prior = np.bincount(index, weights=weights) / weights.sum()

    def objective(flat):
        w, b = flat[:6].reshape(3, 2), flat[6:]
        scores = inputs @ w.T + b + np.log(prior)
        losses = -log_softmax(scores, axis=1)[np.arange(150), index]
        return 2.0 * (weights * losses).sum() + 0.5 * (w**2).sum()

    expected = scipy.optimize.minimize(
        objective, np.zeros(9), method="BFGS", options={"gtol": 1e-5}
    )
    model = LinearClassifier("logit_adjusted", C=2.0, tol=1e-8).fit(inputs, labels, weights)
    np.testing.assert_allclose(model.coef_, expected.x[:6].reshape(3, 2), atol=1e-4)
    intercepts = expected.x[6:]
    # A constant on all intercepts changes nothing.
    np.testing.assert_allclose(
        model.intercept_ - model.intercept_.mean(), intercepts - intercepts.mean(), atol=1e-4
    )
    np.testing.assert_allclose(model.class_counts_, np.bincount(index, weights=weights))
    assert classes.tolist() == model.classes_.tolist()


def test_outlying_mse_is_ridge_regression(data):
    """On the labels t_y e_y; the loss is their mean over classes, so C stands for 2 C / 3."""
    inputs, labels, weights = data
    model = LinearClassifier("outlying_mse", loss_options={"alpha": 2.0}, C=0.05)
    model.fit(inputs, labels, weights)
    index = np.searchsorted(model.classes_, labels)
    targets = np.zeros((600, 3))
    targets[np.arange(600), index] = model.loss_.teacher[index]
    ridge = Ridge(alpha=3 / (2 * 0.05)).fit(inputs, targets, weights)
    np.testing.assert_allclose(model.coef_, ridge.coef_, atol=1e-4)
    np.testing.assert_allclose(model.intercept_, ridge.intercept_, atol=1e-4)


def macro(model, inputs, labels):
    predicted = model.predict(inputs)
    return np.mean([(predicted[labels == c] == c).mean() for c in CLASSES])


def test_adjustment_helps_rare_classes(data):
    inputs, labels, _ = data
    plain = LinearClassifier().fit(inputs[:300], labels[:300])
    adjusted = LinearClassifier("logit_adjusted").fit(inputs[:300], labels[:300])
    assert macro(adjusted, inputs[300:], labels[300:]) > macro(plain, inputs[300:], labels[300:])


COUNTS = np.array([1.0, 15.0, 4.0])
BY_LOSS = {kind: case for kind, case in BY_KIND.items() if case.heads == 1}


@pytest.mark.parametrize(
    ("name", "dtype"), list(zip(BY_LOSS, cycle((np.float32, np.float64)), strict=False))
)
def test_every_loss_by_name(data, name, dtype):
    """Dense and sparse rows, on which each is better than the most frequent class alone."""
    inputs, labels, weights = data
    inputs = inputs.astype(dtype)
    options = {
        **BY_LOSS[name].options(COUNTS),
        **({"k": 1} if "k" in BY_LOSS[name].parameters else {}),
    }
    if options.get("scale", 0) > 5:  # for cosines
        options["scale"] = 2.0
    options.pop("class_counts", None)
    model = LinearClassifier(name, loss_options=options, random_state=0)
    model.fit(inputs, labels, weights)
    assert macro(model, inputs, labels) > 0.45
    sparse = clone(model).fit(scipy.sparse.csr_array(inputs), labels, weights)
    scores = model.decision_function(inputs)
    tolerance = 2e-2 if dtype == np.float32 else 1e-4
    np.testing.assert_allclose(
        sparse.decision_function(scipy.sparse.csr_array(inputs)),
        scores,
        atol=tolerance * np.abs(scores).max(),
    )
    assert model.loss_.reduction == "sum"
    assert hasattr(model, "predict_proba") == (name in ("cross_entropy", "logit_adjusted"))


def test_solvers_agree(data):
    inputs, labels, _ = data
    exact = LinearClassifier("logit_adjusted").fit(inputs, labels)
    few = LinearClassifier(
        "logit_adjusted",
        solver="adam",
        epochs=200,
        batch_size=64,
        learning_rate=0.05,
        random_state=0,
    ).fit(inputs, labels)
    np.testing.assert_allclose(few.predict_proba(inputs), exact.predict_proba(inputs), atol=0.02)
    again = clone(few).fit(inputs, labels)
    np.testing.assert_array_equal(again.coef_, few.coef_)


def test_weighted_batches_minimise_the_same(data):
    """Weights that differ a lot between batches; without them the solution is another one."""
    inputs, labels, _ = data
    weights = np.where(labels == "rare", 30.0, np.where(inputs[:, 0] > 0, 3.0, 0.3))
    exact = LinearClassifier(C=0.01).fit(inputs, labels, weights)
    options = {"solver": "adam", "epochs": 300, "batch_size": 16, "random_state": 0}
    few = LinearClassifier(C=0.01, **options).fit(inputs, labels, weights)
    without = LinearClassifier(C=0.01, **{**options, "epochs": 40}).fit(inputs, labels)
    expected = exact.predict_proba(inputs)
    assert np.abs(few.predict_proba(inputs) - expected).max() < 0.03
    assert np.abs(without.predict_proba(inputs) - expected).max() > 0.2


def test_noised_losses_go_to_adam(data):
    inputs, labels, _ = data
    options = {"k": 1, "epsilon": 0.3}
    exact = LinearClassifier("noised_topk", loss_options={**options, "estimator": "exact"})
    assert exact.fit(inputs, labels).n_iter_ == exact.epochs
    drawn = LinearClassifier("noised_topk", loss_options=options, solver="lbfgs")
    with pytest.raises(ValueError, match="the same at every evaluation"):
        drawn.fit(inputs, labels)


@pytest.mark.parametrize("name", ["ldam", "elm"])
def test_sets_go_by_the_softmax_of_the_loss(data, name):
    """With the scale that the loss multiplies scores by: other sets than without it."""
    inputs, labels, _ = data
    scale = 4.0
    model = LinearClassifier(name, loss_options={"scale": scale}, random_state=0)
    scores = model.fit(inputs, labels).decision_function(inputs)

    def largest(shares):
        return shares >= np.sort(shares.ravel())[-900]

    scaled, plain = (largest(np.exp(log_softmax(s * scores, axis=1))) for s in (scale, 1.0))
    assert not np.array_equal(scaled, plain)
    np.testing.assert_array_equal(model.predict_sets(inputs, k=1.5).toarray() == 1, scaled)


def test_noise_follows_the_random_state(data):
    inputs, labels, _ = data
    options = {"loss_options": {"k": 1}, "epochs": 2}
    models = [
        LinearClassifier("noised_topk", random_state=seed, **options).fit(inputs, labels)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    assert models[0].loss_.seed != models[2].loss_.seed


def test_weights_of_zero_are_rows_left_out(data):
    inputs, labels, weights = data
    weights = np.where(np.arange(600) % 3 == 0, 0, weights)
    kept = weights > 0
    model = LinearClassifier("logit_adjusted", tol=1e-8)
    found = clone(model).fit(inputs, labels, weights)
    expected = clone(model).fit(inputs[kept], labels[kept], weights[kept])
    np.testing.assert_array_equal(found.coef_, expected.coef_)


def test_sets(data):
    inputs, labels, _ = data
    model = LinearClassifier("logit_adjusted").fit(inputs[:300], labels[:300])
    sets = model.predict_sets(inputs[300:], k=1.5)
    assert sets.shape == (300, 3)
    assert sets.sum() == 450
    probabilities = model.predict_proba(inputs[300:])
    assert probabilities[sets.toarray() == 1].min() >= probabilities[sets.toarray() == 0].max()
    threshold = model.average_k_threshold(inputs[:300], 1.5)
    others = model.predict_sets(inputs[300:], threshold=threshold, never_empty=True)
    np.testing.assert_array_equal(
        others.toarray()[:, :] == 1,
        (probabilities >= threshold)
        | (
            np.eye(3, dtype=bool)[probabilities.argmax(1)]
            & (probabilities.max(1) < threshold)[:, None]
        ),
    )
    first = model.classes_[sets.indices[sets.indptr[0] : sets.indptr[1]]]
    assert set(first) <= set(CLASSES)
    for wrong in ({}, {"k": 1, "threshold": 0.5}):
        with pytest.raises(ValueError, match="either k or a threshold"):
            model.predict_sets(inputs, **wrong)


def test_sets_of_losses_without_a_softmax(data):
    inputs, labels, _ = data
    model = LinearClassifier("outlying_mse").fit(inputs, labels)
    sets = model.predict_sets(inputs, k=1)
    scores = model.decision_function(inputs)
    threshold = np.sort(scores.ravel())[-600]
    np.testing.assert_array_equal(sets.toarray() == 1, scores >= threshold)


def test_two_classes(data):
    inputs, labels, _ = data
    two = labels != "middling"
    model = LinearClassifier().fit(inputs[two], labels[two])
    difference = model.decision_function(inputs)
    assert difference.shape == (600,)
    assert model.coef_.shape == (2, 6)
    np.testing.assert_array_equal(
        model.predict(inputs), model.classes_[(difference > 0).astype(int)]
    )


def test_in_a_search(data):
    inputs, labels, _ = data
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearClassifier("logit_adjusted")),
        {"linearclassifier__C": [1e-6, 1.0]},
        scoring="balanced_accuracy",
        cv=3,
    ).fit(inputs, labels)
    assert search.best_params_ == {"linearclassifier__C": 1.0}

"""The losses as Keras's: values, gradients, reductions, shapes and configurations.

KERAS_BACKEND says which backend the run is of: torch or jax.
"""

from __future__ import annotations

import inspect
import json

import keras
import numpy as np
import pytest
from losses import BY_KIND, CASES
from support import long_tail

import topkloss
import topkloss.keras
from topkloss._records import LOSSES, never

BACKEND = keras.config.backend()
CLASSES = 7
COUNTS = long_tail(CLASSES, np.random.default_rng(3))
OWN = "from_logits", "reduction", "name", "dtype"
ONE_HEAD = [case for case in CASES if case.heads == 1]


def is_random(case):
    return LOSSES[case.kind]._traits.is_random is not never and (
        case.options(COUNTS).get("estimator") != "exact"
    )


HERE = [case for case in ONE_HEAD if BACKEND != "jax" or not is_random(case)]
here = pytest.mark.parametrize("case", HERE, ids=lambda case: case.name)


def made(case, **options):
    """The loss as Keras's, and in NumPy with the reduction "none"."""
    name = LOSSES[case.kind].__name__
    both = case.options(COUNTS)
    numpy_loss = getattr(topkloss, name)(**both, reduction="none")
    return getattr(topkloss.keras, name)(**both, **options), numpy_loss


def batch(lead=(5,), seed=1):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, (*lead, CLASSES)).astype(np.float32)
    return scores, rng.integers(CLASSES, size=lead)


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=2e-6, atol=2e-6)


def test_all_losses_of_one_head_are_there():
    names = {LOSSES[case.kind].__name__ for case in ONE_HEAD}
    assert set(topkloss.keras.__all__) == names
    assert all(issubclass(getattr(topkloss.keras, name), keras.Loss) for name in names)


def test_every_option_is_in_the_signature_and_described():
    for name in topkloss.keras.__all__:
        loss = getattr(topkloss.keras, name)
        parameters = inspect.signature(loss).parameters
        options = inspect.signature(getattr(topkloss, name)).parameters.keys()
        assert parameters.keys() == {*options, *OWN} - {"check_finite"}
        for parameter in parameters:
            assert f"\n    {parameter}: " in loss.__doc__, (name, parameter)


@here
def test_values_and_gradients_are_numpys(case, gradient):
    ours, numpys = made(case, reduction=None)
    scores, labels = batch()
    labels[2] = -100
    step = {"step": 0} if is_random(case) else {}
    values, slope = numpys.value_and_grad(scores, labels, **step)
    close(ours(labels, scores), values)
    if is_random(case):
        ours, _ = made(case, reduction=None)  # from the first noise again
    close(gradient(ours, labels, scores), slope)


@here
def test_a_configuration_makes_the_same_loss(case):
    ours, _ = made(case, reduction="sum", name="mine")
    text = json.dumps(keras.losses.serialize(ours))
    again = keras.losses.deserialize(json.loads(text))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert (again.name, again.reduction) == ("mine", "sum")
    for option, value in ours.loss._arguments.items():
        np.testing.assert_array_equal(again.loss._arguments[option], value)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_keras_weights_and_reduces(reduction):
    ours, numpys = made(BY_KIND["logit_adjusted"], reduction=reduction)
    scores, labels = batch((6,))
    weights = np.array([1, 0.5, 2, 0, 3, 0.25], np.float32)
    total = (numpys(scores, labels) * weights).sum()
    rows = {"sum_over_batch_size": 6, "sum": 1, "mean_with_sample_weight": weights.sum()}
    close(ours(labels, scores, sample_weight=weights), total / rows[reduction])


def test_ignored_rows_are_not_counted():
    ours, numpys = made(BY_KIND["cross_entropy"])
    scores, labels = batch((6,))
    labels[[1, 4]] = -100
    weights = np.array([1, 5, 2, 3, 7, 0.5], np.float32)
    values = numpys(scores, labels)
    close(ours(labels, scores), values.sum() / 4)
    close(ours(labels, scores, sample_weight=weights), (values * weights).sum() / 4)
    keras_own = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)
    close(ours(labels, scores), np.asarray(keras_own(labels, scores)))
    close(ours(np.full(6, -100), scores), 0)


def test_shapes_are_those_of_keras():
    ours, numpys = made(BY_KIND["ldam"], reduction=None)
    scores, labels = batch((3, 4))
    expected = numpys(scores, labels)
    close(ours(labels, scores), expected)
    close(ours(labels[..., None], scores), expected)
    scores, labels = scores[0], labels[0]
    close(ours(labels[:, None], scores), expected[0])


def test_soft_labels():
    ours, numpys = made(BY_KIND["logit_adjusted"], reduction=None)
    scores, _ = batch((3, 4))
    soft = np.random.default_rng(0).dirichlet(np.ones(CLASSES), (3, 4)).astype(np.float32)
    close(ours(soft, scores), numpys(scores, soft))
    with pytest.raises(topkloss.TopKLossError):
        made(BY_KIND["seesaw"])[0](soft, scores)


def test_probabilities_in_place_of_logits():
    case = BY_KIND["logit_adjusted"]
    ours, numpys = made(case, from_logits=False, reduction=None)
    scores, labels = batch()
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    close(ours(labels, shares), numpys(scores, labels))
    assert not keras.losses.deserialize(keras.losses.serialize(ours)).from_logits
    assert np.isfinite(np.asarray(ours(np.array([0]), np.eye(CLASSES, dtype=np.float32)[1:2])))
    for kind in ("topk_hinge", "outlying_mse", "ldam"):
        with pytest.raises(topkloss.TopKLossError, match="leave out the model's last softmax"):
            made(BY_KIND[kind], from_logits=False)


def test_every_call_draws_its_own_noise():
    loss = topkloss.keras.NoisedTopKLoss
    if BACKEND == "jax":
        with pytest.raises(topkloss.TopKLossError, match="estimator='exact'"):
            loss(2)
        return
    ours, (scores, labels) = loss(2, epsilon=1.0), batch()
    assert float(ours(labels, scores)) != float(ours(labels, scores))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "bfloat16"}, "dtype is bfloat16"),
        ({"ignore_index": 2**24 + 1}, "ignore_index is 16777217"),
        ({"class_weight": [-1.0]}, "class_weight"),
        ({"label_smoothing": 2}, "label_smoothing"),
    ],
)
def test_refused_options(options, words):
    with pytest.raises(topkloss.TopKLossError, match=words):
        topkloss.keras.CrossEntropyLoss(**options)


@pytest.mark.parametrize("backend", ["tensorflow", "numpy", "openvino"])
def test_other_backends_are_refused(backend, monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    with pytest.raises(topkloss.TopKLossError, match=f"runs on {backend}.*KERAS_BACKEND"):
        topkloss.keras.CrossEntropyLoss()


def test_a_wrong_label_is_an_error():
    scores, labels = batch()
    labels[3] = CLASSES
    with pytest.raises(Exception, match=f"labels?.*{CLASSES}"):
        np.asarray(topkloss.keras.CrossEntropyLoss()(labels, scores))

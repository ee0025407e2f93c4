"""Values and gradients of the JAX functions against independent formulations and libraries."""

from __future__ import annotations

import numpy as np
import pytest
import reference_average_k
import reference_topk
from jax_support import CLASSES, COUNTS, PAIRS, batch, functions, jax, jnp, pairs, x64
from support import gradient_tolerance

import topkloss

__all__ = ["x64"]


def weighted(function, upstream):
    return lambda z, y: (function(z, y) * upstream).sum()


@pairs
@pytest.mark.parametrize("lead", [(6,), (), (2, 3), (0,)], ids=str)
@pytest.mark.usefixtures("x64")
def test_value_and_gradient_in_float64(name, lead):
    ours, formulation = PAIRS[name]
    if name == "expected_positive" and lead == (0,):
        pytest.skip("the formulation's mean over no rows is not a number")
    logits, labels = batch(lead, np.float64)
    upstream = np.random.default_rng(1).standard_normal(lead)
    values = ours(logits, labels)
    assert values.shape == lead
    assert values.dtype == jnp.float64
    np.testing.assert_allclose(values, formulation(logits, labels), rtol=1e-10, atol=1e-11)
    found = jax.grad(weighted(ours, upstream))(logits, labels)
    expected = jax.grad(weighted(formulation, upstream))(logits, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pairs
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_other_types(name, dtype):
    """Against the library's own arithmetic for the type, which has tests of its own."""
    ours, formulation = PAIRS[name]
    logits, labels = batch((5,), dtype)
    values, pullback = jax.vjp(lambda z: ours(z, labels), logits)
    (gradient,) = pullback(jnp.ones_like(values))
    assert values.dtype == gradient.dtype == logits.dtype
    wide = logits.astype(jnp.float32)
    expected, wide_pullback = jax.vjp(lambda z: formulation(z, labels), wide)
    step = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(values.astype(np.float32), expected, rtol=max(2 * step, 2e-5))
    (expected_gradient,) = wide_pullback(jnp.ones_like(expected))
    largest = float(jnp.abs(expected_gradient).max())
    np.testing.assert_allclose(
        gradient.astype(np.float32), expected_gradient, atol=max(2 * step, 1e-5) * largest
    )


@pairs
@pytest.mark.usefixtures("x64")
def test_check_grads(name):
    from jax.test_util import check_grads

    ours, _ = PAIRS[name]
    logits, labels = batch((4,), np.float64)
    check_grads(lambda z: ours(z, labels), (logits,), order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


def test_optax():
    optax = pytest.importorskip("optax")
    logits, labels = batch((3, 4))
    reference = optax.softmax_cross_entropy_with_integer_labels
    np.testing.assert_allclose(
        functions.cross_entropy_loss(logits, labels), reference(logits, labels), rtol=1e-6
    )
    ours = jax.grad(lambda z: functions.cross_entropy_loss(z, labels).mean())(logits)
    theirs = jax.grad(lambda z: reference(z, labels).mean())(logits)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_two_heads():
    logits, labels = batch((8,))
    second, _ = batch((8,), seed=6)
    options = {"candidate_weight": 0.7, "multi_label_weight": 0.4, "reduction": "none"}
    expected, *gradients, _ = reference_average_k.two_head(
        np.asarray(logits, np.float64),
        np.asarray(second, np.float64),
        np.asarray(labels),
        k=2.5,
        **options,
    )
    del options["reduction"]

    def ours(first, other):
        return functions.two_head_average_k_loss(first, other, labels, 2.5, **options)

    np.testing.assert_allclose(ours(logits, second), expected, rtol=1e-5)
    upstream = np.random.default_rng(1).standard_normal(8).astype(np.float32)
    found = jax.grad(lambda *heads: (ours(*heads) * upstream).sum(), (0, 1))(logits, second)
    for actual, wanted in zip(found, gradients, strict=True):
        np.testing.assert_allclose(actual, upstream[:, None] * wanted, atol=1e-5)


def test_threshold_is_handed_from_call_to_call():
    """As with the NumPy loss, whose state is an object."""
    loss = topkloss.TwoHeadAverageKLoss(2.5, threshold_decay=0.8, reduction="none")
    state = topkloss.ThresholdState()
    step = jax.jit(
        lambda z, g, y, before: functions.two_head_average_k_loss(
            z, g, y, 2.5, threshold=before, threshold_decay=0.8
        )
    )
    threshold = 0.0
    for seed in range(3):
        logits, labels = batch((8,), seed=seed)
        values, threshold = step(logits, -logits, labels, threshold)
        expected = loss(np.asarray(logits), -np.asarray(logits), labels, threshold=state)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
        np.testing.assert_allclose(threshold, state.value, rtol=1e-5)
    assert 0 < state.value < 1


def test_threshold_of_no_rows_is_the_one_before():
    logits, labels = batch((3, 0))

    def after(z, y, before):
        return functions.two_head_average_k_loss(
            z, z, y, 2.5, threshold=before, threshold_decay=0.8
        )[1]

    assert after(logits[0], labels[0], 0.25) == 0.25
    before = jnp.array([0.1, 0.25, 0.5])
    np.testing.assert_array_equal(jax.vmap(after)(logits, labels, before), before)
    same = jax.vmap(after, (0, 0, None))(logits, labels, 0.25)
    np.testing.assert_array_equal(same, np.full(3, 0.25, np.float32))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("k", [1, 3, CLASSES])
def test_operator(k):
    scores, _ = batch((4,), np.float64)
    values, pullback = jax.vjp(lambda x: functions.noised_topk(x, k, 0.5), scores)
    (gradient,) = pullback(jnp.ones(4))
    for row, value, share in zip(np.asarray(scores), values, gradient, strict=True):
        assert abs(value - reference_topk.order_statistic(row, k, 0.5)) < 1e-9
        expected = reference_topk.rank_probabilities(row, k, 0.5)
        np.testing.assert_allclose(share, expected, atol=1e-9)


@pytest.mark.usefixtures("x64")
def test_exact_estimator():
    logits, labels = batch((4,), np.float64)

    def ours(z):
        return functions.noised_topk_loss(z, labels, 3, 0.5, estimator="exact", margin=9.0)

    values, pullback = jax.vjp(ours, logits)
    (gradient,) = pullback(jnp.ones(4))
    for row, label, value, found in zip(
        np.asarray(logits), np.asarray(labels), values, gradient, strict=True
    ):
        statistic = reference_topk.order_statistic(row, 4, 0.5)
        assert abs(value - (9 + statistic - row[label])) < 1e-9
        expected = reference_topk.rank_probabilities(row, 4, 0.5)
        expected[label] -= 1
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_imbalanced_noised_loss_is_the_librarys():
    logits, labels = batch((4,))
    options = {"class_counts": COUNTS, "max_margin": 3.0, "scale": 2.0, "estimator": "exact"}
    loss = topkloss.NoisedTopKLoss(3, 0.5, reduction="none", **options)
    value, gradient = loss.value_and_grad(np.asarray(logits), np.asarray(labels))
    found, pullback = jax.vjp(
        lambda z: functions.noised_topk_loss(z, labels, 3, 0.5, **options), logits
    )
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(pullback(jnp.ones(4))[0], gradient)
    assert np.abs(gradient).max() > 10 * gradient_tolerance(gradient, np.dtype(np.float32)).max()


def test_ignored_rows():
    logits, labels = batch((4,))
    labels = labels.at[2].set(-1)
    values, pullback = jax.vjp(
        lambda z: functions.cross_entropy_loss(z, labels, ignore_index=-1), logits
    )
    (gradient,) = pullback(jnp.ones(4))
    assert values[2] == 0
    assert not np.asarray(gradient[2]).any()
    assert np.asarray(gradient[jnp.array([0, 1, 3])]).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.int32])
def test_label_types(dtype):
    logits, labels = batch((4,))
    expected = functions.cross_entropy_loss(logits, labels)
    found = functions.cross_entropy_loss(logits, np.asarray(labels).astype(dtype))
    np.testing.assert_array_equal(found, expected)


def test_numpy_and_lists_go_in():
    value = functions.cross_entropy_loss([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    np.testing.assert_allclose(value, np.log(2) * np.ones(2), rtol=1e-6)

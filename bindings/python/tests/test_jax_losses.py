"""Values and gradients of the JAX functions against independent formulations and libraries."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reference_topk
from jax_support import (
    CLASSES,
    COUNTS,
    batch,
    callbacks,
    either_way,
    expected,
    functions,
    jax,
    jnp,
    ours,
    sample,
    x64,
)
from losses import BY_NAME, CASES, COMPARED, SOFT

import topkloss
from topkloss import TopKLossError

__all__ = ["callbacks", "either_way", "x64"]


LEADS = ((6,), (), (2, 3), (0,))


@pytest.mark.parametrize("number", range(len(CASES)), ids=BY_NAME)
@pytest.mark.usefixtures("x64")
def test_value_and_gradient_in_float64(number):
    """Of batches of many shapes, inside `jax.jit` and outside."""
    name = CASES[number].name
    lead = (6,) if name in COMPARED else LEADS[number % len(LEADS)]
    logits, labels = sample(name, lead, np.float64)
    upstream = np.random.default_rng(1).standard_normal(lead)
    wanted, slope = expected(name, logits, labels, upstream)
    values = (jax.jit(ours(name)) if number % 3 else ours(name))(logits, labels)
    assert values.shape == lead
    assert values.dtype == jnp.float64
    np.testing.assert_allclose(values, wanted, rtol=1e-10, atol=1e-11)

    def weighted(z, y):
        return (ours(name)(z, y) * upstream).sum()

    slope_of = jax.grad(weighted) if number % 3 else jax.jit(jax.grad(weighted))
    np.testing.assert_allclose(slope_of(logits, labels), slope, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("number", range(len(CASES)), ids=BY_NAME)
def test_other_types(number):
    name, dtype = CASES[number].name, ("float32", "bfloat16", "float16")[number % 3]
    logits, labels = sample(name, (5,), dtype)
    values, pullback = jax.vjp(lambda z: ours(name)(z, labels), logits)
    (gradient,) = pullback(jnp.ones_like(values))
    assert values.dtype == gradient.dtype == logits.dtype
    wanted, slope = expected(name, logits, labels, np.ones(5))
    step = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(
        values.astype(np.float32), wanted, rtol=max(2 * step, 2e-5), atol=step
    )
    largest = np.abs(slope).max()
    np.testing.assert_allclose(
        gradient.astype(np.float32), slope, atol=max(2 * step, 1e-5) * largest
    )


@pytest.mark.usefixtures("x64")
def test_soft_labels():
    """Constants in the gradient; under jit and vmap, of another type, and of losses with none."""
    rng = np.random.default_rng(6)
    for case in SOFT:
        q = rng.dirichlet(np.ones(CLASSES), (2, 3)) * 1.5
        logits, _ = batch((2, 3), np.float64)
        row = case.row(COUNTS)
        rows = [
            reference.soft_row(row, z, one)
            for z, one in zip(np.asarray(logits).reshape(6, -1), q.reshape(6, -1), strict=True)
        ]
        wanted, slope = (np.array(part) for part in zip(*rows, strict=True))
        loss = jax.jit(jax.vmap(ours(case.name)))
        np.testing.assert_allclose(loss(logits, q), wanted.reshape(2, 3), rtol=1e-10)
        gradients = jax.grad(lambda z, t: loss(z, t).sum(), (0, 1))(logits, jnp.asarray(q))  # noqa: B023
        np.testing.assert_allclose(gradients[0], slope.reshape(logits.shape), rtol=1e-9, atol=1e-11)
        assert not gradients[1].any()
        narrow = ours(case.name)(logits.astype(jnp.float32), q)
        np.testing.assert_allclose(narrow, wanted.reshape(2, 3), rtol=2e-5)
    for name, words in (("focal", "two labels"), ("topk_hinge", "^labels: .* soft labels")):
        with pytest.raises(TopKLossError, match=words):
            jax.eval_shape(ours(name), logits, q)
    with pytest.raises(TopKLossError, match="shape of the logits"):
        ours("cross_entropy")(logits, q[0])


@pytest.mark.usefixtures("either_way")
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
        wanted = loss(np.asarray(logits), -np.asarray(logits), labels, threshold=state)
        np.testing.assert_allclose(values, wanted, rtol=1e-5)
        np.testing.assert_allclose(threshold, state.value, rtol=1e-5)
    assert 0 < state.value < 1


@pytest.mark.usefixtures("either_way")
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

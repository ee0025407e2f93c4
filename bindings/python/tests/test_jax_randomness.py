"""Noise in the JAX functions is a function of their arguments."""

from __future__ import annotations

import numpy as np
import pytest
from jax_support import CLASSES, batch, callbacks, either_way, functions, jax, jnp

import topkloss

__all__ = ["callbacks", "either_way"]


def loss(logits, labels, **options):
    return functions.noised_topk_loss(logits, labels, 3, 0.5, margin=9.0, **options)


@pytest.mark.parametrize("step", [0, 5, 2**31 - 1])
def test_step_is_the_librarys(step):
    logits, labels = batch()
    reference = topkloss.NoisedTopKLoss(3, 0.5, margin=9.0, seed=4, reduction="none")
    values, gradient = reference.value_and_grad(np.asarray(logits), np.asarray(labels), step=step)
    found, pullback = jax.vjp(lambda z: loss(z, labels, seed=4, step=step), logits)
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(pullback(jnp.ones(6))[0], gradient)
    traced = jax.jit(lambda z, y, s: loss(z, y, seed=4, step=s))(logits, labels, step)
    np.testing.assert_array_equal(traced, values)


@pytest.mark.usefixtures("either_way")
def test_large_steps():
    logits, labels = batch()
    reference = topkloss.NoisedTopKLoss(3, 0.5, margin=9.0, reduction="none")
    step = 2**64 - 3
    expected = reference(np.asarray(logits), np.asarray(labels), step=step)
    np.testing.assert_array_equal(loss(logits, labels, step=step), expected)
    array = np.array(step, np.uint64)  # JAX would cut it to 32 bits
    np.testing.assert_array_equal(loss(logits, labels, step=array), expected)


def test_same_arguments_same_noise():
    logits, labels = batch()
    np.testing.assert_array_equal(loss(logits, labels), loss(logits, labels))
    np.testing.assert_array_equal(loss(logits, labels), loss(logits, labels, step=0))
    assert not np.array_equal(loss(logits, labels), loss(logits, labels, step=1))
    assert not np.array_equal(loss(logits, labels), loss(logits, labels, seed=1))


def test_keys():
    logits, labels = batch()
    key = jax.random.key(3)
    values = loss(logits, labels, key=key)
    np.testing.assert_array_equal(values, loss(logits, labels, key=key))
    np.testing.assert_array_equal(values, loss(logits, labels, key=jax.random.PRNGKey(3)))
    np.testing.assert_array_equal(values, jax.jit(lambda k: loss(logits, labels, key=k))(key))
    assert not np.array_equal(values, loss(logits, labels, key=jax.random.key(4)))


def test_noise_of_many_keys_is_normal():
    """The mean over keys tends to the exact estimator's value, as fast as it should."""
    logits, labels = batch((1,))
    keys = jax.random.split(jax.random.key(0), 4000)
    values = np.asarray(jax.vmap(lambda key: loss(logits, labels, key=key)[0])(keys))
    exact = loss(logits, labels, estimator="exact")[0]
    assert abs(values.mean() - exact) < 5 * values.std() / np.sqrt(len(values))
    assert len(np.unique(values)) > 3900


def test_rows_have_noise_of_their_own():
    logits, labels = batch((1,))
    rows = jnp.broadcast_to(logits, (5, CLASSES))
    values = loss(rows, jnp.broadcast_to(labels, (5,)))
    assert len(np.unique(values)) == 5


def test_vmap_with_one_step_is_one_batch():
    logits, labels = batch((4,))
    whole = loss(logits, labels, step=3)
    mapped = jax.vmap(lambda z, y, s: loss(z, y, step=s), (0, 0, None))(logits, labels, 3)
    np.testing.assert_array_equal(mapped, whole)


def test_vmap_over_steps():
    logits, labels = batch((3, 4))
    steps = jnp.array([7, 7, 9])
    mapped = jax.vmap(lambda z, y, s: loss(z, y, step=s))(logits, labels, steps)
    for index in range(3):
        alone = loss(logits[index], labels[index], step=int(steps[index]))
        np.testing.assert_array_equal(mapped[index], alone)
    gradient = jax.vmap(jax.grad(lambda z, y, s: loss(z, y, step=s).sum()), (None, None, 0))(
        logits[0], labels[0], steps
    )
    np.testing.assert_array_equal(gradient[0], gradient[1])
    assert not np.array_equal(gradient[0], gradient[2])


@pytest.mark.usefixtures("either_way")
def test_vmap_over_steps_inside_and_outside_others():
    """Rows that share a step have noise of their own, whichever axis comes first."""
    logits, labels = batch((2, 3, 4))
    steps = jnp.array([7, 9, 11])

    def by_step(z, y, s):
        return loss(z, y, step=s)

    outside = jax.vmap(jax.vmap(by_step, (0, 0, None)))(logits, labels, steps[:2])
    for index in range(2):
        whole = loss(logits[index], labels[index], step=int(steps[index]))
        np.testing.assert_array_equal(outside[index], whole)
    inside = jax.vmap(jax.vmap(by_step), (0, 0, None))(logits, labels, steps)
    for index in range(3):
        whole = loss(logits[:, index], labels[:, index], step=int(steps[index]))
        np.testing.assert_array_equal(inside[:, index], whole)


@pytest.mark.usefixtures("either_way")
def test_vmap_over_two_axes_that_share_a_step():
    """All rows of one step are numbered in order of both axes, whose lengths differ."""
    logits, labels = batch((2, 3, 5, 4))
    steps = jnp.array([7, 9])

    def by_step(z, y, s):
        return loss(z, y, step=s)

    inner = jax.vmap(jax.vmap(by_step, (0, 0, None)), (0, 0, None))
    found = jax.vmap(inner)(logits, labels, steps)
    for index in range(2):
        whole = loss(logits[index], labels[index], step=int(steps[index]))
        np.testing.assert_array_equal(found[index], whole)


def test_vmap_over_noise():
    logits, labels = batch((3, 4))
    noise = np.random.default_rng(0).standard_normal((3, 4, 5, CLASSES)).astype(np.float32)
    whole = loss(logits, labels, noise=noise)
    mapped = jax.vmap(lambda z, y, n: loss(z, y, noise=n))(logits, labels, noise)
    np.testing.assert_array_equal(mapped, whole)
    shared = jax.vmap(lambda z, y: loss(z, y, noise=noise[0]))(logits, labels)
    expected = loss(logits, labels, noise=np.broadcast_to(noise[0], noise.shape))
    np.testing.assert_array_equal(shared, expected)


def test_operator_with_a_traced_step():
    scores, _ = batch((4,))

    def ours(x, step):
        return functions.noised_topk(x, 2, 0.5, estimator="monte_carlo", step=step)

    found = jax.jit(ours)(scores, 6)
    options = {"estimator": "monte_carlo", "step": 6}
    expected = topkloss.noised_topk(np.asarray(scores), 2, 0.5, **options)
    np.testing.assert_array_equal(found, expected)
    gradient = jax.grad(lambda x: ours(x, 6).sum())(scores)
    np.testing.assert_array_equal(
        gradient, topkloss.noised_topk_vjp(np.asarray(scores), 2, 0.5, **options)
    )


def test_training_with_a_step_in_the_loop():
    """A scan whose step counts up draws other noise each time."""
    logits, labels = batch((4,))

    def body(step, _):
        return step + 1, loss(logits, labels, step=step).mean()

    _, values = jax.lax.scan(body, 0, None, length=20)
    assert len(np.unique(values)) == 20

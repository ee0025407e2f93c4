"""What calls on the CPU go through: handlers that XLA calls itself, without Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
from jax_support import CLASSES, batch, callbacks, functions, jax, jnp, ours
from losses import BY_NAME, CASES

import topkloss
from topkloss.jax import _evaluation, _handlers

__all__ = ["callbacks"]


def program(function, *arguments):
    """The text of a compiled program."""
    return jax.jit(function).lower(*arguments).compile().as_text()


def calls(text):
    """How many of the library's handler it makes."""
    assert "callback" not in text
    return text.count(f'custom_call_target="{_handlers.TARGET}"')


@pytest.mark.parametrize("lead", [(7,), (7, 2, 3)])
def test_vmap_makes_one_call(lead):
    logits, labels = batch(lead)
    per_row = jax.value_and_grad(functions.cross_entropy_loss)
    for _ in lead:
        per_row = jax.vmap(per_row)
    assert calls(program(per_row, logits, labels)) == 1


@pytest.mark.parametrize("number", range(len(CASES)), ids=BY_NAME)
def test_same_bits_as_python(number, monkeypatch):
    """Values and gradients of mapped batches, of which labels or scores are shared."""
    name, heads = CASES[number].name, CASES[number].heads
    logits, labels = batch((3, 2, 4), heads=heads)

    def both(z, y):
        values, pullback = jax.vjp(lambda s: ours(name)(s, y), z)
        return values, *pullback(jnp.cos(values))

    mapped = jax.vmap(jax.vmap(both, (0, 0)), (0, None))
    shared = jax.vmap(jax.vmap(both, (None, 0)), (0, 0))
    ways = (mapped, logits, labels[0]), (shared, logits[:, 0], labels)
    arguments = ways if heads == 2 else ways[number % 2 :][:1]
    assert _handlers.are_there()
    found = [jax.jit(function)(*given) for function, *given in arguments]
    with monkeypatch.context() as context:
        context.setattr(_evaluation, "are_there", lambda: False)
        jax.clear_caches()
        expected = [jax.jit(function)(*given) for function, *given in arguments]
    jax.clear_caches()
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rows", [6, 8, 1024])
def test_gradients_of_sums_and_means(rows, dtype):
    """Those of the rows' own values, each multiplied as the chain rule has it."""
    logits, labels = batch((rows,), dtype)
    values, pullback = jax.vjp(lambda z: functions.cross_entropy_loss(z, labels), logits)
    own = topkloss.CrossEntropyLoss(reduction="none").value_and_grad(logits, labels)[1]
    for upstream in (1, 1 / rows, 0.3):
        (gradient,) = pullback(jnp.full_like(values, upstream))
        expected = jnp.asarray(own).view(dtype) * jnp.asarray(upstream, dtype)
        np.testing.assert_array_equal(gradient.astype(float), expected.astype(float))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_of_coupled_rows(dtype):
    """Whose upstream goes to the library, and is of the scores' type."""
    logits, labels = batch((4,), dtype)

    def slope(z):
        return jax.grad(lambda z: (ours("expected_positive")(z, labels) * 0.5).sum())(z)

    found, expected = slope(logits), slope(logits.astype("float32"))
    assert found.dtype == dtype
    step = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(found.astype("float32"), expected, rtol=step, atol=step / 8)


def test_a_mean_costs_no_pass_over_the_gradient():
    """Of as many rows as a power of 2; sums of as many as are none."""

    def multiplies(reduced, rows):
        logits, labels = batch((rows,))
        text = program(jax.grad(lambda z: reduced(functions.cross_entropy_loss(z, labels))), logits)
        assert calls(text) == 1
        return bool(re.search(rf"f32\[{rows},{CLASSES}\]\S* multiply\(", text))

    assert not multiplies(jnp.mean, 8)
    assert not multiplies(jnp.sum, 6)
    assert multiplies(jnp.mean, 6)
    assert multiplies(jnp.sum, 8)


def test_beside_other_devices(monkeypatch):
    """Where there are some a program has both ways, and on the CPU takes the handler."""
    logits, labels = batch((3, 5))
    mapped = jax.vmap(jax.value_and_grad(lambda z, y: functions.cross_entropy_loss(z, y).mean()))
    expected = mapped(logits, labels)
    monkeypatch.setattr(_evaluation, "_is_cpu_alone", lambda: False)
    jax.clear_caches()
    assert calls(program(mapped, logits, labels)) == 1
    for one, other in zip(mapped(logits, labels), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    jax.clear_caches()


@pytest.mark.usefixtures("callbacks")
def test_callbacks_are_told_of_wrong_labels():
    logits, labels = batch((4,))
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=r"labels\[1\] is 99"):
        functions.cross_entropy_loss(logits, labels.at[1].set(99)).block_until_ready()


def test_seeds_of_64_bits():
    """Which XLA has no attributes for: by their bits."""
    logits, labels = batch()
    for seed in (2**63, 2**64 - 1):
        expected = topkloss.NoisedTopKLoss(3, 0.5, seed=seed, reduction="none")(
            np.asarray(logits), np.asarray(labels), step=0
        )
        found = functions.noised_topk_loss(logits, labels, 3, 0.5, seed=seed)
        np.testing.assert_array_equal(found, expected)

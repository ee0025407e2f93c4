"""The JAX functions under JAX's transformations."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from jax_support import CLASSES, COUNTS, batch, functions, jax, jnp, ours, sample

import topkloss
from topkloss import TopKLossError
from topkloss.jax import _evaluation
from topkloss.jax._calls import Call


@pytest.mark.parametrize(
    "name", ["cross_entropy", "exact_noised_topk", "expected_positive", "two_head_average_k"]
)
def test_vmap_over_rows(name):
    """Whichever way round, and where only one of logits and labels is mapped over."""
    loss = ours(name)
    logits, labels = sample(name, (5,))
    rows = jnp.stack([loss(z, y) for z, y in zip(logits, labels, strict=True)])
    gradients = jnp.stack([jax.grad(loss)(z, y) for z, y in zip(logits, labels, strict=True)])
    found = jax.vmap(jax.value_and_grad(loss))(logits, labels)
    np.testing.assert_allclose(found[0], rows, rtol=1e-6)
    np.testing.assert_allclose(found[1], gradients, rtol=1e-6, atol=1e-8)
    outside = jax.grad(lambda z: jax.vmap(loss)(z, labels).sum())(logits)
    np.testing.assert_allclose(outside, gradients, rtol=1e-6, atol=1e-8)
    one_label = jax.vmap(loss, (0, None))(logits, labels[0])
    np.testing.assert_allclose(one_label, [loss(z, labels[0]) for z in logits], rtol=1e-6)
    one_row = jax.vmap(loss, (None, 0))(logits[0], labels)
    np.testing.assert_allclose(one_row, [loss(logits[0], y) for y in labels], rtol=1e-6)


@pytest.mark.parametrize("axis", [1, 2])
def test_vmap_over_another_axis(axis):
    logits, labels = batch((4, 3))
    moved = jnp.moveaxis(logits, 0, axis)
    found = jax.vmap(functions.cross_entropy_loss, (axis, 0))(moved, labels)
    np.testing.assert_array_equal(found, functions.cross_entropy_loss(logits, labels))


def test_vmap_over_batches_that_rows_share():
    """A loss whose rows depend on each other is evaluated once for each batch."""
    logits, labels = batch((3, 5))
    second, _ = batch((3, 5), seed=6)

    def two_head(z, g, y):
        return functions.two_head_average_k_loss(z, g, y, 2.5, threshold=0.1, threshold_decay=0.5)

    values, thresholds = jax.vmap(two_head)(logits, second, labels)
    for index in range(3):
        expected = two_head(logits[index], second[index], labels[index])
        np.testing.assert_array_equal(values[index], expected[0])
        np.testing.assert_array_equal(thresholds[index], expected[1])
    coupled = ours("expected_positive")
    upstream = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    found = jax.grad(lambda z: (jax.vmap(coupled)(z, labels) * upstream).sum())(logits)
    for index in range(3):
        expected = jax.grad(lambda z, i=index: (coupled(z, labels[i]) * upstream[i]).sum())
        np.testing.assert_allclose(found[index], expected(logits[index]), rtol=1e-5, atol=1e-7)


def test_large_batches_in_a_loop():
    """No deadlock with asynchronous dispatch: 256 x 4096 rows, 30 steps in one program."""
    rng = np.random.default_rng(0)
    start = jnp.asarray(rng.standard_normal((256, 4096)), jnp.float32)
    labels = jnp.asarray(rng.integers(4096, size=256))

    def step(logits, _):
        value, gradient = jax.value_and_grad(
            lambda z: functions.cross_entropy_loss(z, labels).sum()
        )(logits)
        return logits - gradient, value

    last, values = jax.jit(lambda z: jax.lax.scan(step, z, None, length=30))(start)
    expected = np.asarray(start, np.float64)
    for value in np.asarray(values)[:3]:
        shifted = expected - expected.max(1, keepdims=True)
        shares = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        np.testing.assert_allclose(value, -np.log(shares[np.arange(256), labels]).sum(), rtol=1e-5)
        shares[np.arange(256), labels] -= 1
        expected -= shares
    assert np.isfinite(last).all()
    assert (np.diff(values) < 0).all()


def test_rematerialisation():
    loss = ours("logit_adjusted")
    logits, labels = batch()
    kept = jax.grad(lambda z: loss(jnp.sin(z), labels).sum())(logits)
    again = jax.grad(jax.checkpoint(lambda z: loss(jnp.sin(z), labels).sum()))(logits)
    np.testing.assert_allclose(again, kept, rtol=1e-6)


def test_many_threads_at_once():
    loss = ours("logit_adjusted")
    logits, labels = batch((64,))
    gradient = jax.jit(jax.grad(lambda z, y: loss(z, y).sum()))
    expected = np.asarray(gradient(logits, labels))
    wrong = []

    def work():
        found = [np.array_equal(gradient(logits, labels), expected) for _ in range(50)]
        wrong.append(found.count(False))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "twice",
    [
        lambda f, z: jax.hessian(f)(z),
        lambda f, z: jax.grad(lambda x: jax.grad(f)(x).sum())(z),
        lambda f, z: jax.jvp(jax.grad(f), (z,), (z,)),
    ],
    ids=["hessian", "gradient of a gradient", "forward over reverse"],
)
@pytest.mark.parametrize("name", ["cross_entropy", "expected_positive"])
def test_second_derivatives_are_refused(name, twice):
    logits, labels = batch()
    with pytest.raises(TopKLossError, match="can be differentiated once only"):
        twice(lambda z: ours(name)(z, labels).sum(), logits)


def test_forward_mode_is_refused():
    logits, labels = batch()
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda z: functions.cross_entropy_loss(z, labels), (logits,), (logits,))


def test_second_derivatives_of_what_does_not_reach_the_loss():
    """The loss may stand beside other terms that are differentiated twice."""
    logits, labels = batch()

    def total(scale):
        return functions.cross_entropy_loss(logits, labels).sum() + scale**3

    assert jax.grad(jax.grad(total))(2.0) == 12


def test_equal_calls_share_a_program():
    """A loss is made anew in every call, and is no reason to compile again."""
    logits, labels = batch()
    program = jax.jit(_evaluation.evaluate, static_argnums=0)
    for _ in range(3):
        call = Call(topkloss.LogitAdjustedLoss(COUNTS), ("logits", "labels"), ("values",), 1)
        program(call, (logits,), (labels,))
    assert program._cache_size() == 1
    other = Call(topkloss.LogitAdjustedLoss(COUNTS + 1), ("logits", "labels"), ("values",), 1)
    assert other != call
    values = program(other, (logits,), (labels,))[0]
    np.testing.assert_array_equal(values, functions.logit_adjusted_loss(logits, labels, COUNTS + 1))


TWO_DEVICES = f"""if True:
    import jax, numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
    from topkloss.jax import cross_entropy_loss
    assert len(jax.devices()) == 2
    mesh, rows = Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows")
    logits = np.random.default_rng(0).standard_normal((8, {CLASSES})).astype(np.float32)
    labels = np.arange(8) % {CLASSES}
    mean = lambda z, y: cross_entropy_loss(z, y).mean()
    here = jax.value_and_grad(mean)(logits, labels)

    def assert_same(there):
        for one, other in zip(here, there):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)

    # Rows on two devices: the call gathers them.
    place = NamedSharding(mesh, rows)
    parts = jax.device_put(logits, place), jax.device_put(labels, place)
    assert_same(jax.jit(jax.value_and_grad(mean))(*parts))
    if hasattr(jax, "shard_map"):  # Each device calls with its own rows.
        split = jax.shard_map(
            cross_entropy_loss, mesh=mesh, in_specs=(rows, rows), out_specs=rows, check_vma=False
        )
        assert_same(jax.jit(jax.value_and_grad(lambda z, y: split(z, y).mean()))(logits, labels))
"""


def test_two_devices():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    subprocess.run([sys.executable, "-c", TWO_DEVICES], check=True, env=environment, timeout=120)

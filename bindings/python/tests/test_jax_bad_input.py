"""What the JAX functions refuse, and when."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from jax_support import CLASSES, COUNTS, batch, callbacks, either_way, functions, jax, jnp

from topkloss import TopKLossError

__all__ = ["callbacks", "either_way"]

LOGITS, LABELS = batch((4,))


def test_without_jax():
    finished = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['jax'] = None; import topkloss.jax"],
        capture_output=True,
        text=True,
    )
    last = finished.stderr.strip().splitlines()[-1]
    assert last == "ImportError: topkloss.jax needs JAX: pip install topkloss[jax]"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: functions.cross_entropy_loss(LOGITS, LABELS[:2]), "labels has shape (2,)"),
        (lambda: functions.cross_entropy_loss(LOGITS, LABELS + 0.0), "integers"),
        (lambda: functions.cross_entropy_loss(LOGITS.astype(int), LABELS), "logits has dtype"),
        (lambda: functions.cross_entropy_loss(1.0, 0), "no axes"),
        (lambda: functions.logit_adjusted_loss(LOGITS, LABELS, COUNTS[:3]), "3 classes"),
        (lambda: functions.logit_adjusted_loss(LOGITS, LABELS, 0 * COUNTS), "class_counts[0]"),
        (lambda: functions.topk_hinge_loss(LOGITS, LABELS, CLASSES), "K is 1"),
        (lambda: functions.noised_topk(LOGITS, CLASSES + 1), "k is 12"),
        (lambda: functions.noised_topk_loss(LOGITS, LABELS, step=-1), "step is -1"),
        (lambda: functions.noised_topk_loss(LOGITS, LABELS, step=jnp.ones(2)), "one integer"),
        (
            lambda: functions.noised_topk_loss(LOGITS, LABELS, noise=np.ones((4, 5))),
            "noise has shape (4, 5)",
        ),
        (
            lambda: functions.two_head_average_k_loss(LOGITS, LOGITS[:2], LABELS),
            "multi_label_logits has shape",
        ),
        (
            lambda: functions.two_head_average_k_loss(LOGITS, LOGITS, LABELS, threshold_decay=0.5),
            "without a threshold",
        ),
        (
            lambda: jax.jit(lambda c: functions.logit_adjusted_loss(LOGITS, LABELS, c))(COUNTS),
            "class_counts is traced",
        ),
        (
            lambda: jax.jit(lambda c: functions.logit_adjusted_loss(LOGITS, LABELS, list(c)))(
                COUNTS
            ),
            "class_counts is traced",
        ),
        (
            lambda: jax.jit(lambda z: functions.logit_adjusted_loss(z, LABELS, jnp.ones(CLASSES)))(
                LOGITS
            ),
            "pass NumPy arrays",
        ),
        (
            lambda: functions.noised_topk_loss(LOGITS, LABELS, estimator="exact", step=0),
            "step is given",
        ),
        (
            lambda: functions.noised_topk_loss(
                LOGITS, LABELS, estimator="exact", key=jax.random.key(0)
            ),
            "key is given",
        ),
        (lambda: functions.noised_topk(LOGITS, 2, noise=np.ones((4, 5, CLASSES))), "noise is"),
        (
            lambda: jax.jit(lambda k: functions.topk_hinge_loss(LOGITS, LABELS, k))(3),
            "k is traced",
        ),
    ],
)
def test_refused_while_tracing(call, words):
    with pytest.raises(TopKLossError) as caught:
        call()
    assert words in str(caught.value)


# The first the first time that JAX runs a program, the second once it has its quick way.
RUN_TIME = (jax.errors.JaxRuntimeError, ValueError)


@pytest.mark.parametrize("transformed", [lambda f: f, jax.jit, jax.vmap])
def test_wrong_labels_are_told_by_row(transformed):
    labels = LABELS.at[2].set(CLASSES)
    with pytest.raises(RUN_TIME) as caught:
        transformed(functions.cross_entropy_loss)(LOGITS, labels).block_until_ready()
    assert f"labels[2] is {CLASSES}" in str(caught.value)
    # And the next call is none the worse.
    assert np.isfinite(functions.cross_entropy_loss(LOGITS, LABELS)).all()


def test_unsigned_labels_do_not_wrap_around():
    labels = np.full(4, 2**32 - 100, np.uint32)  # -100 as int32
    with pytest.raises(RUN_TIME, match="labels"):
        functions.cross_entropy_loss(LOGITS, labels).block_until_ready()


@pytest.mark.parametrize("label", [2**32 + 3, -(2**40), 2**32 - 100])
def test_labels_of_64_bits_are_not_cut(label):
    labels = np.array([0, 1, label, 2])
    with pytest.raises(RUN_TIME, match=r"labels\[2\]"):
        functions.cross_entropy_loss(LOGITS, labels).block_until_ready()


@pytest.mark.parametrize("dtype", [np.int64, np.uint32, np.uint64])
@pytest.mark.parametrize("index", [2**32 - 1, 2**31 - 1])
def test_large_index_to_ignore(dtype, index):
    labels = np.array([0, index, 1, 2], dtype)
    values = functions.cross_entropy_loss(LOGITS, labels, ignore_index=index)
    expected = functions.cross_entropy_loss(LOGITS, np.array([0, -100, 1, 2]))
    np.testing.assert_array_equal(values, expected)
    wrong = np.array([0, 2**31, 1, 2], dtype)
    with pytest.raises(RUN_TIME, match=r"labels\[1\]"):
        functions.cross_entropy_loss(LOGITS, wrong, ignore_index=index).block_until_ready()


def test_labels_below_int32_are_not_a_stand_in():
    """-2^31 stands for an index to ignore that int32 has no room for: it is no label by itself."""
    labels = np.array([0, 1, -(2**31), 2], np.int32)
    with pytest.raises(RUN_TIME, match=r"labels\[2\]"):
        functions.cross_entropy_loss(LOGITS, labels, ignore_index=2**40).block_until_ready()


def test_nan_stays_in_its_row():
    logits = LOGITS.at[1, 3].set(jnp.nan)
    values, pullback = jax.vjp(lambda z: functions.cross_entropy_loss(z, LABELS), logits)
    (gradient,) = pullback(jnp.ones(4))
    assert np.isnan(values).tolist() == [False, True, False, False]
    assert np.isnan(gradient).all(axis=1).tolist() == [False, True, False, False]


@pytest.mark.usefixtures("either_way")
def test_upstream_that_is_not_finite():
    """As the chain rule has it: no error, for either kind of gradient."""
    for ours in (
        functions.cross_entropy_loss,
        lambda z, y: functions.single_positive_loss(z, y, "epr", expected_positives=1.5),
    ):
        _, pullback = jax.vjp(lambda z, f=ours: f(z, LABELS), LOGITS)
        (gradient,) = pullback(jnp.ones(4).at[0].set(jnp.nan))
        assert np.isnan(gradient[0]).all()


def test_masked_arrays():
    """On the host: their masks would be lost, of options' vectors too."""
    given = {
        "logits": np.zeros((2, 3), np.float32),
        "labels": np.array([0, 1]),
        "noise": np.zeros((2, 5, 3), np.float32),
        "class_counts": np.ones(3),
    }
    for name, value in given.items():
        wrong = {**given, name: np.ma.masked_array(value, mask=value == 1)}
        with pytest.raises(TopKLossError, match=f"{name} is a masked array"):
            functions.noised_topk_loss(**wrong, k=1, epsilon=0.1)

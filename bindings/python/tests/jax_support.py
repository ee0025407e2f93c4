"""The functions under test, each beside the same loss in plain jax.numpy, for autodiff."""

from __future__ import annotations

import numpy as np
import pytest
from support import long_tail

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import topkloss.jax as functions  # noqa: E402

CLASSES = 11
COUNTS = long_tail(CLASSES, np.random.default_rng(3))
PRIOR = COUNTS / COUNTS.sum()
WEIGHT = np.random.default_rng(4).uniform(0.2, 2, CLASSES)
MARGINS = COUNTS**-0.25 / (COUNTS**-0.25).max()
TEACHER = 1 + np.argsort(np.argsort(-COUNTS, kind="stable"), kind="stable").astype(np.float64)
SAMPLES = 4


def at(scores, labels):
    return jnp.take_along_axis(scores, labels[..., None], axis=-1)[..., 0]


def lowered(z, y, amount):
    return z - jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype) * amount[..., None]


def rivals(z, y):
    """The strongest class besides the label."""
    masked = jnp.where(jax.nn.one_hot(y, z.shape[-1], dtype=bool), -jnp.inf, z)
    return jnp.argmax(masked, axis=-1)


def cross_entropy(u, y, weight=None, smoothing=0.0):
    weight = jnp.ones(u.shape[-1]) if weight is None else jnp.asarray(weight)
    log = jax.nn.log_softmax(u)
    smooth = -(weight * log).mean(-1)
    return (1 - smoothing) * weight[y] * -at(log, y) + smoothing * smooth


def focal(z, y):
    log = at(jax.nn.log_softmax(z), y)
    return -((1 - jnp.exp(log)) ** 1.7) * log


def kth(z, k):
    return jnp.sort(z, axis=-1)[..., -k]


def log_sigma(x, order):
    """Log of the elementary symmetric polynomial of exp(x), by the recursion over classes."""
    state = [jnp.zeros(x.shape[:-1])] + [jnp.full(x.shape[:-1], -jnp.inf)] * order
    for c in range(x.shape[-1]):
        for r in range(order, 0, -1):
            # logaddexp(-inf, -inf) has no derivative.
            if c + 1 < r:
                continue
            term = state[r - 1] + x[..., c]
            state[r] = term if c + 1 == r else jnp.logaddexp(state[r], term)
    return state[order]


def smooth_svm_row(z, y, k=3, tau=0.7, alpha=1.3):
    order = jnp.argsort(jnp.arange(len(z)) == y, stable=True)[:-1]
    others = z[order] / (k * tau)
    own = z[y] / (k * tau) + log_sigma(others, k - 1)
    wrong = alpha / tau + log_sigma(others, k)
    return tau * (jnp.logaddexp(own, wrong) - own)


def smooth_svm(z, y):
    return jnp.vectorize(smooth_svm_row, signature="(c),()->()")(z, y)


def noise_for(lead):
    return np.random.default_rng(8).standard_normal((*lead, SAMPLES, CLASSES))


def noised(z, y):
    statistic = kth(z[..., None, :] + 0.4 * noise_for(z.shape[:-1]), 4).mean(-1)
    return 2.0 * jax.nn.relu(9.0 + statistic - at(z, y))


def assume_negative(z, y, weak=False):
    negatives = jax.nn.softplus(z).sum(-1) - at(jax.nn.softplus(z), y)
    factor = 1 / (z.shape[-1] - 1) if weak else 1.0
    return (at(jax.nn.softplus(-z), y) + factor * negatives) / z.shape[-1]


def expected_positive(z, y):
    surplus = jax.nn.sigmoid(z).sum(-1).mean() - 1.5
    return at(jax.nn.softplus(-z), y) + 2.0 * (surplus / z.shape[-1]) ** 2


# Of each: the function under test, and the formulation. Hinges have margins so wide that every row
# is active.
PAIRS = {
    "cross_entropy": (
        lambda z, y: functions.cross_entropy_loss(z, y),
        cross_entropy,
    ),
    "weighted": (
        lambda z, y: functions.cross_entropy_loss(z, y, class_weight=WEIGHT, label_smoothing=0.1),
        lambda z, y: cross_entropy(z, y, WEIGHT, 0.1),
    ),
    "logit_adjusted": (
        lambda z, y: functions.logit_adjusted_loss(z, y, COUNTS, 0.8),
        lambda z, y: cross_entropy(z + 0.8 * np.log(PRIOR), y),
    ),
    "vector_scaling": (
        lambda z, y: functions.vector_scaling_loss(z, y, COUNTS, 0.2, 0.9),
        lambda z, y: cross_entropy(z * (COUNTS / COUNTS.max()) ** 0.2 + 0.9 * np.log(PRIOR), y),
    ),
    "ldam": (
        lambda z, y: functions.ldam_loss(z, y, COUNTS, 0.4, 5.0),
        lambda z, y: cross_entropy(5.0 * lowered(z, y, 0.4 * jnp.asarray(MARGINS)[y]), y),
    ),
    "elm": (
        lambda z, y: functions.elm_loss(z, y, COUNTS, 0.4, 5.0, 0.6),
        lambda z, y: cross_entropy(
            5.0
            * lowered(
                z, y, 0.4 * (jnp.asarray(MARGINS)[y] - 0.6 * jnp.asarray(MARGINS)[rivals(z, y)])
            ),
            y,
        ),
    ),
    "margin_softmax": (
        lambda z, y: functions.margin_softmax_loss(
            z, y, offset=np.cos(COUNTS), margin=np.sin(COUNTS), class_scale=WEIGHT, scale=1.5
        ),
        lambda z, y: cross_entropy(
            1.5 * lowered(WEIGHT * z + np.cos(COUNTS), y, jnp.sin(jnp.asarray(COUNTS))[y]), y
        ),
    ),
    "focal": (lambda z, y: functions.focal_loss(z, y, 1.7), focal),
    "topk_hinge": (
        lambda z, y: functions.topk_hinge_loss(z, y, 3, 9.0),
        lambda z, y: jax.nn.relu(9.0 + kth(z, 4) - at(z, y)),
    ),
    "smooth_topk_svm": (
        lambda z, y: functions.smooth_topk_svm_loss(z, y, 3, 0.7, 1.3),
        smooth_svm,
    ),
    "noised_topk": (
        lambda z, y: functions.noised_topk_loss(
            z, y, 3, 0.4, n_samples=SAMPLES, margin=9.0, scale=2.0, noise=noise_for(z.shape[:-1])
        ),
        noised,
    ),
    "outlying_mse": (
        lambda z, y: functions.outlying_mse_loss(z, y, COUNTS, 0.3),
        lambda z, y: (lowered(z, y, 0.3 * jnp.asarray(TEACHER)[y]) ** 2).mean(-1),
    ),
    "assume_negative": (
        lambda z, y: functions.single_positive_loss(z, y),
        assume_negative,
    ),
    "weak_assume_negative": (
        lambda z, y: functions.single_positive_loss(z, y, "wan"),
        lambda z, y: assume_negative(z, y, weak=True),
    ),
    "expected_positive": (
        lambda z, y: functions.single_positive_loss(
            z, y, "epr", expected_positives=1.5, regularization=2.0
        ),
        expected_positive,
    ),
}
pairs = pytest.mark.parametrize("name", PAIRS)


@pytest.fixture
def x64():
    """Double precision for one test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def batch(lead=(6,), dtype=np.float32, seed=5):
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rng.uniform(-1, 1, (*lead, CLASSES)), dtype)
    return logits, jnp.asarray(rng.integers(CLASSES, size=lead))

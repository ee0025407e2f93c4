"""The registry's losses as JAX functions, and their formulations with any upstream."""

from __future__ import annotations

import numpy as np
import pytest
from case import SAMPLES, Batch
from losses import BY_NAME
from support import long_tail

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import topkloss.jax as functions  # noqa: E402
from topkloss.jax import _evaluation  # noqa: E402

CLASSES = 11
COUNTS = long_tail(CLASSES, np.random.default_rng(3))


def noise_for(lead):
    return np.random.default_rng(8).standard_normal((*lead, SAMPLES, CLASSES))


def ours(name):
    """The function of logits, both heads' side by side, and labels; with the same noise always."""
    case = BY_NAME[name]
    function, options = getattr(functions, f"{case.kind}_loss"), case.options(COUNTS)
    takes_noise = case.noise

    def call(logits, labels):
        heads = jnp.split(logits, case.heads, axis=-1)
        noise = {"noise": noise_for(logits.shape[:-1])} if takes_noise else {}
        return function(*heads, labels, **options, **noise)

    return call


def expected(name, logits, labels, upstream=None):
    """Values, and the gradient of their sum times upstream, from the float64 formulation."""
    case, lead, columns = BY_NAME[name], logits.shape[:-1], logits.shape[-1]
    rows = np.asarray(logits, np.float64).reshape(-1, columns)
    noise = noise_for(lead).reshape(-1, SAMPLES, CLASSES) if case.noise else None
    if noise is not None and logits.dtype != np.float64:
        noise = noise.astype(np.float32)
    flat = Batch(case, COUNTS, rows, np.asarray(labels).ravel(), noise)
    up = None if upstream is None else np.asarray(upstream).ravel()
    if not len(rows):
        return np.zeros(lead), np.zeros(logits.shape)
    values, gradient = flat.expect(upstream=up, reduction="none")
    return values.reshape(lead), gradient.reshape(logits.shape)


@pytest.fixture
def callbacks(monkeypatch):
    """Calls as they are made where there are no handlers."""
    monkeypatch.setattr(_evaluation, "are_there", lambda: False)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.fixture(params=["handlers", "callbacks"])
def either_way(request):
    """With handlers, and then without."""
    if request.param == "callbacks":
        request.getfixturevalue("callbacks")


@pytest.fixture
def x64():
    """Double precision for one test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def batch(lead=(6,), dtype=np.float32, seed=5, heads=1):
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rng.uniform(-1, 1, (*lead, heads * CLASSES)), dtype)
    return logits, jnp.asarray(rng.integers(CLASSES, size=lead))


def sample(name, lead=(6,), dtype=np.float32):
    return batch(lead, dtype, heads=BY_NAME[name].heads)

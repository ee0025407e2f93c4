"""The same losses in JAX, for those that are plain array code."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.constants import (
    EXPECTED,
    GAMMA,
    SCALE,
    Counts,
    K,
    class_scales,
    frequencies,
    margins,
    teacher,
)

JaxLoss = Callable[[Any, Any], Any]
Maker = Callable[[Counts], JaxLoss]


def makers() -> dict[str, Maker]:
    """By loss, what makes a function of logits and labels from the counts. Imports JAX."""
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")

    def of_label(scores: Any, labels: Any) -> Any:
        return jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]

    def entropy(scores: Any, labels: Any) -> Any:
        return jax.nn.logsumexp(scores, axis=1) - of_label(scores, labels)

    def lowered(scores: Any, labels: Any, margin: Any) -> Any:
        return scores.at[jnp.arange(len(labels)), labels].add(-margin)

    def vector(numbers: Counts) -> Any:
        return jnp.asarray(numbers.astype(np.float32))

    def cross_entropy(_: Counts) -> JaxLoss:
        return lambda z, y: entropy(z, y).mean()

    def logit_adjusted(counts: Counts) -> JaxLoss:
        offset = vector(frequencies(counts))
        return lambda z, y: entropy(z + offset, y).mean()

    def vector_scaling(counts: Counts) -> JaxLoss:
        offset, factor = vector(frequencies(counts)), vector(class_scales(counts))
        return lambda z, y: entropy(z * factor + offset, y).mean()

    def ldam(counts: Counts) -> JaxLoss:
        margin = vector(margins(counts))
        return lambda z, y: entropy(SCALE * lowered(z, y, margin[y]), y).mean()

    def elm(counts: Counts) -> JaxLoss:
        margin = vector(margins(counts))

        def loss(z: Any, y: Any) -> Any:
            others = jax.lax.stop_gradient(z).at[jnp.arange(len(y)), y].set(-jnp.inf)
            taken = margin[y] - margin[others.argmax(1)]
            return entropy(SCALE * lowered(z, y, taken), y).mean()

        return loss

    def margin_softmax(counts: Counts) -> JaxLoss:
        offset, factor = vector(frequencies(counts)), vector(class_scales(counts))
        margin = vector(margins(counts))
        return lambda z, y: entropy(lowered(z * factor + offset, y, margin[y]), y).mean()

    def focal(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            log = -entropy(z, y)
            return -((1 - jnp.exp(log)) ** GAMMA * log).mean()

        return loss

    def topk_hinge(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            rival = jax.lax.top_k(z, K + 1)[0][:, K]
            return jax.nn.relu(1 + rival - of_label(z, y)).mean()

        return loss

    def outlying_mse(counts: Counts) -> JaxLoss:
        taught = vector(teacher(counts))
        return lambda z, y: (lowered(z, y, taught[y]) ** 2).mean()

    def assume_negative(_: Counts) -> JaxLoss:
        return lambda z, y: jax.nn.softplus(z).mean() - of_label(z, y).mean() / z.shape[1]

    def expected_positive(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            surplus = (jax.nn.sigmoid(z).sum(1).mean() - EXPECTED) / z.shape[1]
            return jax.nn.softplus(-of_label(z, y)).mean() + surplus**2

        return loss

    return {
        "cross_entropy": cross_entropy,
        "logit_adjusted": logit_adjusted,
        "vector_scaling": vector_scaling,
        "ldam": ldam,
        "elm": elm,
        "margin_softmax": margin_softmax,
        "focal": focal,
        "topk_hinge": topk_hinge,
        "outlying_mse": outlying_mse,
        "assume_negative": assume_negative,
        "expected_positive": expected_positive,
    }

"""The same losses in JAX, for those that are plain array code."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.constants import EXPECTED, GAMMA, SOFTMAX_MARGIN, Counts, K, Terms, teacher

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

    def softmax_margin(terms: Terms) -> JaxLoss:
        vectors = terms.offset, terms.factor, terms.margin
        offset, factor, margin = (None if each is None else vector(each) for each in vectors)

        def loss(z: Any, y: Any) -> Any:
            scores = z if factor is None else z * factor
            scores = scores if offset is None else scores + offset
            if margin is not None:
                taken = margin[y]
                if terms.rival:
                    others = jax.lax.stop_gradient(z).at[jnp.arange(len(y)), y].set(-jnp.inf)
                    taken = taken - margin[others.argmax(1)]
                scores = lowered(scores, y, taken)
            return entropy(terms.scale * scores, y).mean()

        return loss

    def member(terms: Callable[[Counts], Terms]) -> Maker:
        return lambda counts: softmax_margin(terms(counts))

    found = {name: member(terms) for name, terms in SOFTMAX_MARGIN.items()}

    def formulation(maker: Maker) -> Maker:
        found[maker.__name__] = maker
        return maker

    @formulation
    def focal(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            log = -entropy(z, y)
            return -((1 - jnp.exp(log)) ** GAMMA * log).mean()

        return loss

    @formulation
    def topk_hinge(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            rival = jax.lax.top_k(z, K + 1)[0][:, K]
            return jax.nn.relu(1 + rival - of_label(z, y)).mean()

        return loss

    @formulation
    def outlying_mse(counts: Counts) -> JaxLoss:
        taught = vector(teacher(counts))
        return lambda z, y: (lowered(z, y, taught[y]) ** 2).mean()

    @formulation
    def assume_negative(_: Counts) -> JaxLoss:
        return lambda z, y: jax.nn.softplus(z).mean() - of_label(z, y).mean() / z.shape[1]

    @formulation
    def expected_positive(_: Counts) -> JaxLoss:
        def loss(z: Any, y: Any) -> Any:
            surplus = (jax.nn.sigmoid(z).sum(1).mean() - EXPECTED) / z.shape[1]
            return jax.nn.softplus(-of_label(z, y)).mean() + surplus**2

        return loss

    return found

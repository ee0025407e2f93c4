"""The network of the demo, as a function of its parameters: mean embedding, hidden layer, scores."""

from __future__ import annotations

from typing import TypeAlias

import jax
import jax.numpy as jnp
from batches import BUCKETS, Batch

EMBEDDING_WIDTH = 64
HIDDEN_WIDTH = 128

Parameters: TypeAlias = dict[str, jax.Array]


def initial(key: jax.Array, classes: int) -> Parameters:
    """Random parameters."""
    keys = jax.random.split(key, 3)
    shapes = {
        "embedding": (BUCKETS, EMBEDDING_WIDTH),
        "hidden": (EMBEDDING_WIDTH, HIDDEN_WIDTH),
        "head": (HIDDEN_WIDTH, classes),
    }
    spreads = {
        "embedding": 0.1,
        "hidden": (2 / EMBEDDING_WIDTH) ** 0.5,
        "head": (1 / HIDDEN_WIDTH) ** 0.5,
    }
    weights = {
        name: spreads[name] * jax.random.normal(one, shape)
        for one, (name, shape) in zip(keys, shapes.items(), strict=True)
    }
    biases = {"hidden_bias": jnp.zeros(HIDDEN_WIDTH), "head_bias": jnp.zeros(classes)}
    return weights | biases


def unit(vectors: jax.Array, axis: int) -> jax.Array:
    """Vectors of length 1."""
    return vectors / jnp.sqrt((vectors**2).sum(axis, keepdims=True) + 1e-12)


def logits_of(parameters: Parameters, batch: Batch, normalized: bool) -> jax.Array:
    """Scores (B, C); cosines if the last layer is to be normalised."""
    rows = len(batch.labels)
    picked = parameters["embedding"][batch.ngrams] * jnp.asarray(batch.shares)[:, None]
    embedded = jax.ops.segment_sum(picked, jnp.asarray(batch.rows), num_segments=rows)
    hidden = jax.nn.relu(embedded @ parameters["hidden"] + parameters["hidden_bias"])
    if normalized:
        return unit(hidden, 1) @ unit(parameters["head"], 0)
    return hidden @ parameters["head"] + parameters["head_bias"]

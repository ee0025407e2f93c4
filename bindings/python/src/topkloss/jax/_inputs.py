"""Arguments of the functions, checked when a program is traced where that can be."""

from __future__ import annotations

import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from topkloss._arguments import integer
from topkloss._arrays import view
from topkloss._handle import Handle
from topkloss.errors import TopKLossError
from topkloss.jax._calls import Call, check_classes
from topkloss.jax._evaluation import Arrays, evaluate

_FLOATS = "float32", "float64", "float16", "bfloat16"

_INT32, _INT64 = np.iinfo(np.int32), np.iinfo(np.int64)

# Calls and numbers of classes that have been found to fit.
_fitting: set[tuple[bytes, int]] = set()


def constant(options: dict[str, Any]) -> dict[str, Any]:
    """The options as losses take them, none of them unknown until a program runs."""
    for name, value in options.items():
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(value)):
            raise TopKLossError(
                f"{name} is traced; options of a loss must be known when it is traced: keep "
                f"{name} out of the arguments of the jitted function, make it a static one, or "
                "pass NumPy arrays: those that jax.numpy makes inside jit are traced too",
                "TOPKLOSS_ERROR_OPTION",
            )
    if "ignore_index" not in options:
        return options
    return {**options, "ignore_index": _narrow(options["ignore_index"])}


def _narrow(ignore_index: Any) -> Any:
    """The index to ignore among int32 labels: itself, or one that stands for a larger one."""
    if isinstance(ignore_index, numbers.Integral):
        whole = int(ignore_index)
        if _INT64.min <= whole <= _INT64.max and not _INT32.min <= whole <= _INT32.max:
            return int(_INT32.min)
    return ignore_index


def _on_host(value: Any) -> bool:
    """Whether no part of it is JAX's."""
    return not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value))


def array_of(name: str, value: Any) -> jax.Array:
    """JAX's array of a value; what is missing from one on the host is not made up."""
    return jnp.asarray(view(name, value)[0] if _on_host(value) else value)


def score_array(name: str, value: ArrayLike) -> jax.Array:
    """Scores of any number of rows, of a type that the library computes with."""
    array = array_of(name, value)
    if array.dtype.name not in _FLOATS:
        raise TopKLossError(
            f"{name} has dtype {array.dtype}; it must be float32, float64, float16 or bfloat16",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if array.ndim == 0:
        raise TopKLossError(
            f"{name} has no axes; the last one must be that of the classes", "TOPKLOSS_ERROR_SIZE"
        )
    return array


def label_array(value: ArrayLike, logits: jax.Array, ignore_index: int) -> jax.Array:
    """One class index for each row, as int32.

    What int32 cannot hold must not become another label by being cut: it stays wrong, and rows that
    are ignored stay so. NumPy arrays are looked at before JAX cuts 64 bits to 32.
    """
    xp: Any = np if _on_host(value) else jnp
    labels = view("labels", value)[0] if xp is np else jnp.asarray(value)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TopKLossError(
            f"labels has dtype {labels.dtype} and shape {labels.shape}; class indices must be "
            "integers, and soft labels have the shape of the logits",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if labels.shape != logits.shape[:-1]:
        raise TopKLossError(
            f"labels has shape {labels.shape}; with logits of shape {logits.shape} it must be "
            f"{logits.shape[:-1]}",
            "TOPKLOSS_ERROR_SIZE",
        )
    narrow, held = _narrow(ignore_index), jnp.iinfo(labels.dtype)  # type: ignore[no-untyped-call]
    if (held.min >= _INT32.min and held.max <= _INT32.max) and narrow == ignore_index:
        return jnp.asarray(labels, jnp.int32)
    # No class has this index, nor is it ignored.
    wrong = _INT32.max - (narrow == _INT32.max)
    found = xp.clip(labels, max(held.min, _INT32.min), min(held.max, _INT32.max))
    found = xp.where((found != labels) | (found == narrow), wrong, found.astype(xp.int32))
    if held.min <= ignore_index <= held.max:
        found = xp.where(labels == ignore_index, narrow, found)
    return jnp.asarray(found, jnp.int32)


def target_arrays(value: ArrayLike, logits: jax.Array, ignore_index: int) -> dict[str, jax.Array]:
    """Labels by the name that they have in a call: soft ones are floats for every class."""
    labels: Any = view("labels", value)[0] if _on_host(value) else jnp.asarray(value)
    if jnp.issubdtype(labels.dtype, jnp.floating) and labels.shape == logits.shape:
        return {"soft_labels": jnp.asarray(labels).astype(logits.dtype)}
    return {"labels": label_array(value, logits, ignore_index)}


def step_words(step: ArrayLike) -> jax.Array:
    """A step as two uint32 numbers, the high one first: JAX has no 64-bit integers by default."""
    if not isinstance(step, jax.Array | np.ndarray):
        number = integer("step", step, signed=False)
        return jnp.array([number >> 32, number & 0xFFFFFFFF], jnp.uint32)
    # Of NumPy's as it is: JAX would cut 64 bits to 32.
    array: Any = step if isinstance(step, np.ndarray) else jnp.asarray(step)
    if array.ndim or not jnp.issubdtype(array.dtype, jnp.integer):
        raise TopKLossError(
            f"step has shape {array.shape} and dtype {array.dtype}; it must be one integer",
            "TOPKLOSS_ERROR_OPTION",
        )
    if isinstance(array, np.ndarray):
        return step_words(int(array))
    high = array >> 32 if array.dtype.itemsize == 8 else jnp.zeros((), jnp.uint32)
    return jnp.stack([high.astype(jnp.uint32), array.astype(jnp.uint32)])


def randomness(
    loss: Any,
    logits: jax.Array,
    *,
    step: ArrayLike | None,
    key: ArrayLike | None,
    noise: ArrayLike | None,
) -> dict[str, jax.Array]:
    """What a Monte Carlo estimate draws from: noise of the caller's, a key, or a step."""
    samples: int = loss.n_samples
    if loss.estimator != "monte_carlo":
        for name, given in (("step", step), ("key", key), ("noise", noise)):
            if given is not None:
                raise TopKLossError(
                    f"{name} is given, and the exact estimator has no noise: leave it out, or use "
                    "estimator='monte_carlo'",
                    "TOPKLOSS_ERROR_OPTION",
                )
        return {}
    if noise is not None:
        if key is not None:
            raise TopKLossError("both key and noise are given", "TOPKLOSS_ERROR_OPTION")
        dtype = jnp.float64 if logits.dtype == jnp.float64 else jnp.float32
        block = array_of("noise", noise).astype(dtype)
        shape = (*logits.shape[:-1], samples, logits.shape[-1])
        if block.shape != shape:
            raise TopKLossError(
                f"noise has shape {block.shape}; with logits of shape {logits.shape} and "
                f"{samples} samples it must be {shape}",
                "TOPKLOSS_ERROR_SIZE",
            )
        return {"noise": block}
    if key is not None:
        return {"step": jax.random.bits(jnp.asarray(key), (2,), jnp.uint32)}
    return {"step": step_words(0 if step is None else step)}


def outputs_of(
    loss: Handle,
    scores: dict[str, jax.Array],
    others: dict[str, jax.Array],
    outputs: tuple[str, ...] = ("values",),
) -> Arrays:
    """The outputs of a loss for these arrays, under whatever transformation."""
    logits = scores["logits"]
    call = Call(loss, (*scores, *others), outputs, logits.ndim - 1)
    fit = call.key, logits.shape[-1]
    if fit not in _fitting:
        check_classes(loss, logits.shape[-1], are_soft="soft_labels" in others)
        _fitting.add(fit)
    found: Arrays = evaluate(call, tuple(scores.values()), tuple(others.values()))
    return found

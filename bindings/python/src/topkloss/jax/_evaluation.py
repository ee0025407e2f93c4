"""Calls under JAX's transformations."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, TypeAlias

import jax
from jax.extend.backend import backends

from topkloss._arrays import AnyArray
from topkloss.errors import TopKLossError
from topkloss.jax._calls import Call
from topkloss.jax._exit import wait_at_exit
from topkloss.jax._handlers import TARGET, are_there, attributes
from topkloss.jax._host import run

Arrays: TypeAlias = tuple[jax.Array, ...]


def _results(call: Call, operands: Arrays) -> Any:
    """Shapes and types of a call's outputs, when nothing has been mapped over."""
    named = dict(zip(call.inputs, operands, strict=True))
    logits = named["logits"]
    shapes = {
        "values": logits.shape[:-1],
        "gradient": logits.shape,
        "multi_label_gradient": logits.shape,
    }
    described: Any = jax.ShapeDtypeStruct
    return tuple(
        described((), named["threshold"].dtype)
        if name == "threshold"
        else described(shapes[name], logits.dtype)
        for name in call.outputs
    )


@dataclasses.dataclass(frozen=True)
class _InPython:
    """A call as a function of arrays; equal for equal calls, so that JAX knows programs again."""

    call: Call

    def __call__(self, *operands: Any) -> tuple[AnyArray, ...]:
        return run(self.call, *operands)


def _by_handler(call: Call, *operands: jax.Array) -> Arrays:
    """On the CPU, where there is a handler."""
    handler: Any = jax.ffi.ffi_call(TARGET, _results(call, operands), vmap_method="expand_dims")
    return tuple(handler(*operands, **attributes(call)))


def _by_callback(call: Call, *operands: jax.Array) -> Arrays:
    """On other devices: the host computes."""
    found: Arrays = jax.pure_callback(
        _InPython(call), _results(call, operands), *operands, vmap_method="expand_dims"
    )
    return found


def _is_cpu_alone() -> bool:
    """Whether there is no other backend, be it one that is not the default."""
    return set(backends()) == {"cpu"}


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _undifferentiable(call: Call, operands: Arrays) -> Arrays:
    callback = functools.partial(_by_callback, call)
    if not are_there():
        wait_at_exit()
        return callback(*operands)
    handler = functools.partial(_by_handler, call)
    if _is_cpu_alone():
        return handler(*operands)
    wait_at_exit()
    found: Arrays = jax.lax.platform_dependent(*operands, cpu=handler, default=callback)
    return found


@_undifferentiable.defjvp
def _refuse(call: Call, primals: Any, tangents: Any) -> Any:  # noqa: ARG001
    raise TopKLossError(
        f"{type(call.loss).__name__} can be differentiated once only, and in reverse mode: second "
        "derivatives, which jax.hessian or the gradient of a gradient ask for, it does not have",
        "TOPKLOSS_ERROR_OPTION",
    )


# Compiled, so that calls outside of jit are quick too.
_bind = jax.jit(_undifferentiable, static_argnums=0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def evaluate(call: Call, scores: Arrays, others: Arrays) -> Arrays:
    """The outputs of a call, of which the first, the values, can be differentiated once.

    Args:
        call: With the output ``"values"`` first.
        scores: The scores of each head, with respect to which there is a derivative.
        others: The other inputs of the call, which are constants in it.
    """
    found: Arrays = _bind(call, (*scores, *others))
    return found


def _likely_upstream(logits: jax.Array) -> float:
    """What the gradients are multiplied by in the forward pass: 1 / B, as a mean will ask for.

    Taken back in the backward pass, it leaves of a mean a multiplication by 1, which XLA leaves
    out: a pass over the gradient less. Both are exact if B is a power of 2, as it often is; other
    batches, and rows by themselves, have 1. Near the ends of a type's range they are not: an
    upstream above its largest number over B overflows (3e35 for 1,024 rows of float32), and what
    is below its smallest times B is rounded, which for float16 is too near.
    """
    rows = math.prod(logits.shape[:-1])
    is_exact = rows > 0 and rows & (rows - 1) == 0 and logits.dtype != jax.numpy.float16
    return 1 / rows if is_exact else 1.0


def _forward(call: Call, scores: Arrays, others: Arrays) -> tuple[Arrays, Any]:
    """Value and gradients together. The gradients are all that the backward pass needs."""
    if call.rows_are_coupled:
        found = _bind(call, (*scores, *others))
        return found, (scores, others)
    scale = _likely_upstream(scores[0])
    found = _bind(call.with_gradient(scale), (*scores, *others))
    outputs = len(call.outputs)
    return found[:outputs], found[outputs:]


def _backward(call: Call, kept: Any, cotangents: Arrays) -> tuple[Arrays, None]:
    upstream = cotangents[0]
    if call.rows_are_coupled:
        # Each value depends on all rows: only with upstream can the gradient be told.
        scores, others = kept
        if upstream.dtype.itemsize == 2:
            upstream = upstream.astype(jax.numpy.float32)
        return _bind(call.backward(), (*scores, *others, upstream)), None
    upstream = upstream / _likely_upstream(kept[0])
    return tuple(gradient * upstream[..., None] for gradient in kept), None


evaluate.defvjp(_forward, _backward)

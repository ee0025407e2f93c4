"""Calls under JAX's transformations."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import jax
import numpy as np

from topkloss._arrays import AnyArray
from topkloss.errors import TopKLossError
from topkloss.jax._calls import Call
from topkloss.jax._host import block_of, run
from topkloss.jax._target import NAME

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


def on_host(call: Call, *operands: Any) -> tuple[AnyArray, ...]:
    """The call for arrays of any kind, as NumPy arrays. No operation of JAX may run in here."""
    arrays = [np.ascontiguousarray(np.asarray(operand)) for operand in operands]
    # ascontiguousarray gives arrays without axes one of length 1.
    arrays = [a.reshape(np.shape(o)) for a, o in zip(arrays, operands, strict=True)]
    named = dict(zip(call.inputs, arrays, strict=True))
    logits = named["logits"]
    mapped = logits.ndim - 1 - call.row_axes
    slices = np.broadcast_shapes(*(array.shape[:mapped] for array in arrays))
    lead = slices + logits.shape[mapped:-1]
    outputs = []
    for name in call.outputs:
        if name == "threshold":
            outputs.append(np.empty(slices, named[name].dtype))
        else:
            shape = lead if name == "values" else (*lead, logits.shape[-1])
            outputs.append(np.empty(shape, logits.dtype))
    run(call, [block_of(array) for array in arrays], [block_of(array) for array in outputs])
    return tuple(outputs)


def through_callback(call: Call, *operands: jax.Array) -> Arrays:
    """The call by way of the host, wherever the arrays are."""
    host = functools.partial(on_host, call)
    found: Arrays = jax.pure_callback(
        host, _results(call, operands), *operands, vmap_method="expand_dims"
    )
    return found


def through_ffi(call: Call, *operands: jax.Array) -> Arrays:
    """The call as a custom call of XLA's, on the CPU."""
    invoke = jax.ffi.ffi_call(NAME, _results(call, operands), vmap_method="expand_dims")
    return tuple(invoke(*operands, call=np.int64(call.key)))  # type: ignore[no-untyped-call]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _undifferentiable(call: Call, operands: Arrays) -> Arrays:
    found: Arrays = jax.lax.platform_dependent(
        *operands,
        cpu=functools.partial(through_ffi, call),
        default=functools.partial(through_callback, call),
    )
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


def _forward(call: Call, scores: Arrays, others: Arrays) -> tuple[Arrays, Any]:
    """Value and gradients together. The gradients are all that the backward pass needs."""
    if call.rows_are_coupled:
        found = _bind(call, (*scores, *others))
        return found, (scores, others)
    found = _bind(call.with_gradient(), (*scores, *others))
    outputs = len(call.outputs)
    return found[:outputs], found[outputs:]


def _backward(call: Call, kept: Any, cotangents: Arrays) -> tuple[Arrays, None]:
    upstream = cotangents[0]
    if call.rows_are_coupled:
        # Each value depends on all rows: only with upstream can the gradient be told.
        scores, others = kept
        return _bind(call.backward(), (*scores, *others, upstream)), None
    return tuple(gradient * upstream[..., None] for gradient in kept), None


evaluate.defvjp(_forward, _backward)

"""Calls under JAX's transformations."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, TypeAlias

import jax

from topkloss._arrays import AnyArray
from topkloss.errors import TopKLossError
from topkloss.jax._calls import Call
from topkloss.jax._exit import wait_at_exit
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
class _OnHost:
    """A call as a function of arrays; equal for equal calls, so that JAX knows programs again."""

    call: Call

    def __call__(self, *operands: Any) -> tuple[AnyArray, ...]:
        return run(self.call, *operands)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _undifferentiable(call: Call, operands: Arrays) -> Arrays:
    wait_at_exit()
    found: Arrays = jax.pure_callback(
        _OnHost(call), _results(call, operands), *operands, vmap_method="expand_dims"
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

"""A function for each loss, made from its record: arrays, then options, to one value a row."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import topkloss  # noqa: F401 - who imports it has every record
from topkloss import _documentation
from topkloss._arguments import Binding
from topkloss._handle import Handle
from topkloss._records import LOSSES, never
from topkloss.errors import TopKLossError
from topkloss.jax._inputs import constant, outputs_of, randomness, score_array, target_arrays

# What functions leave to whoever calls them.
_LEFT_OUT = "reduction", "check_finite"
# The papers' K, here only: functions of many arguments have defaults where objects ask.
_DEFAULTS = {"k": 5}

_ARRAYS = {
    "logits": "Scores, of shape (..., C), in float32, float64, float16 or bfloat16.",
    "multi_label_logits": "Scores of the multi-label head, of the same shape and dtype.",
    "labels": """Class indices in [0, C), or ``ignore_index``, of shape (...). Cross-entropies, but
        for focal and seesaw, also take soft labels, of a floating type and the shape of the scores;
        they are constants in the gradient.""",
}
_RANDOMNESS = {
    "key": """A key of `jax.random`, which may be traced. Takes the place of the step. Key, step and
        noise are for Monte Carlo, and refused with the exact estimator.""",
    "step": "Which noise to draw, an integer that may be traced. Default 0.",
    "noise": """Noise of shape (..., S, C) in place of the loss's own; a constant in the
        gradient.""",
}
_THRESHOLD = {
    "threshold": """The threshold on probabilities that the call before returned, 0 before the
        first. May be traced. With threshold_decay it is needed.""",
}
_OF_NOISE = """The same key, or seed and step, is the same noise: give every training step its own.
Rows of one call have noise of their own, and are numbered in order. Under `jax.vmap`, a step or key
that is not mapped over is one for the whole batch, whose rows are numbered as in one call on all of
it, so that no two have the same noise; if it is mapped over, the rows of each one's part are
numbered from 0."""
_OF_BATCHES = """A batch is the rows of one call: under `jax.vmap`, each slice by itself."""


def _second_head(value: Any, rows: jax.Array) -> jax.Array:
    second = score_array("multi_label_logits", value)
    if (second.shape, second.dtype) != (rows.shape, rows.dtype):
        raise TopKLossError(
            f"multi_label_logits has shape {second.shape} and dtype {second.dtype}; the logits "
            f"have {rows.shape} and {rows.dtype}",
            "TOPKLOSS_ERROR_SIZE",
        )
    return second


def _one_number(threshold: Any) -> jax.Array:
    before = jnp.asarray(threshold)
    if before.ndim:
        raise TopKLossError(
            f"threshold has shape {before.shape}; it must be one number", "TOPKLOSS_ERROR_SIZE"
        )
    return before.astype(jnp.float64 if before.dtype == jnp.float64 else jnp.float32)


def _check_decay(loss: Any, threshold: Any) -> None:
    if loss.threshold_decay and threshold is None:
        raise TopKLossError(
            f"threshold_decay is {loss.threshold_decay} without a threshold to decay from: give 0 "
            "first, then what the call before returned",
            "TOPKLOSS_ERROR_OPTION",
        )


def _evaluated(kind: type[Handle], options: dict[str, Any], given: dict[str, Any]) -> Any:
    """One value a row; with a threshold, also the new one."""
    loss: Any = kind(**constant(options), reduction="none")  # type: ignore[call-arg]
    threshold = given.get("threshold")
    if "threshold" in given:
        _check_decay(loss, threshold)
    rows = score_array("logits", given["logits"])
    scores = {"logits": rows}
    if "multi_label_logits" in given:
        scores["multi_label_logits"] = _second_head(given["multi_label_logits"], rows)
    others = target_arrays(given["labels"], rows, options["ignore_index"])
    if "key" in given:
        drawn = {name: given[name] for name in _RANDOMNESS}
        others |= randomness(loss, rows, **drawn)
    if threshold is None:
        return outputs_of(loss, scores, others)[0]
    others["threshold"] = _one_number(threshold)
    values, after = outputs_of(loss, scores, others, ("values", "threshold"))
    return values, after


def _options(kind: type[Handle]) -> dict[str, inspect.Parameter]:
    """The options that a function has, in order."""
    return {
        name: option.replace(default=_DEFAULTS[name]) if name in _DEFAULTS else option
        for name, option in kind._options.items()
        if name not in _LEFT_OUT
    }


def _documented(
    kind: type[Handle], arrays: dict[str, str], options: dict[str, Any], more: dict[str, str]
) -> str:
    traits = kind._traits
    said = _documentation.parameters_of(kind)
    text = [_documentation.sections(kind)[""]]
    if traits.is_random is not never:
        text.append(_OF_NOISE)
    if traits.rows_are_compared is not never:
        text.append(_OF_BATCHES)
    returns = "    One value a row, of shape (...)."
    if traits.heads == 2:
        returns += """ With a threshold, a pair of these and the new
    threshold, to be handed to the next call."""
    return _documentation.docstring(
        "\n\n".join(text),
        {**arrays, **{name: said[name] for name in options}, **more},
        [("Returns", returns)],
    )


def _function(kind: type[Handle]) -> Callable[..., Any]:
    two_heads = kind._traits.heads == 2
    arrays = {n: t for n, t in _ARRAYS.items() if two_heads or n != "multi_label_logits"}
    options = _options(kind)
    more = _RANDOMNESS if kind._traits.is_random is not never else {}
    more = {**more, **(_THRESHOLD if two_heads else {})}
    parameter = inspect.Parameter
    placed, named_only = parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY
    binding = Binding(
        [
            *(parameter(name, placed, annotation="ArrayLike") for name in arrays),
            *options.values(),
            *(
                parameter(name, named_only, default=None, annotation="ArrayLike | None")
                for name in more
            ),
        ]
    )
    returned = "Any" if two_heads else "jax.Array"

    def function(*arguments: Any, **named: Any) -> Any:
        given = binding(arguments, named)
        return _evaluated(kind, {name: given[name] for name in options}, given)

    function.__name__ = function.__qualname__ = f"{kind._kind}_loss"
    function.__module__ = "topkloss.jax"
    if sys.flags.optimize < 2:  # otherwise there are no docstrings to put together
        function.__doc__ = _documented(kind, arrays, options, more)
    signature = binding.signature.replace(return_annotation=returned)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


FUNCTIONS = {f"{name}_loss": _function(kind) for name, kind in LOSSES.items()}
"""The function of each loss, by its own name."""

"""The losses themselves: one for each loss of one head that `topkloss` has a record of."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import keras

import topkloss  # noqa: F401 - who imports it has every record
from topkloss import _documentation, _records
from topkloss._arguments import Binding
from topkloss.keras._base import KerasLoss

# What Keras has of its own, and what is left to it.
_LEFT_OUT = "reduction", "check_finite"
_OWN = {
    "from_logits": (True, "bool", "Whether predictions are scores, rather than probabilities."),
    "reduction": ("sum_over_batch_size", "str | None", "How Keras makes one value of all rows'."),
    "name": (None, "str | None", "The name of the loss in Keras's logs."),
    "dtype": (None, "Any", "Of the computation; float32 or float64. Default: Keras's own."),
}


def _documented(loss: Any, options: list[str]) -> str:
    own, said = _documentation.sections(loss), _documentation.parameters_of(loss)
    described = {name: said[name] for name in options} | {n: t for n, (_, _, t) in _OWN.items()}
    raised = own.get("Raises", "").rstrip()
    return _documentation.docstring(
        f"`topkloss.{loss.__name__}` as a loss of Keras.\n\n{own['']}",
        described,
        [("Raises", f"{raised} Or Keras runs on neither PyTorch nor JAX.")],
    )


def _keras_loss(loss: Any) -> Any:
    options = {name: each for name, each in loss._options.items() if name not in _LEFT_OUT}
    switches = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind, _) in _OWN.items()
    ]
    binding = Binding([*options.values(), *switches])

    def __init__(self: Any, /, *arguments: Any, **named: Any) -> None:  # noqa: N807
        given = binding(arguments, named)
        made = loss(**{name: given[name] for name in options}, reduction="none")
        super(keras_loss, self).__init__(made, **{name: given[name] for name in _OWN})

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.Signature(
        [me, *binding.signature.parameters.values()], return_annotation=None
    )
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{loss.__name__}.__init__"
    members = {
        "__module__": "topkloss.keras",
        "__annotations__": {"loss": loss},
        "__init__": __init__,
    }
    if sys.flags.optimize < 2:  # otherwise there are no docstrings to put together
        members["__doc__"] = _documented(loss, [*options])
    keras_loss: Any = type(loss.__name__, (KerasLoss,), members)
    return keras.saving.register_keras_serializable(package="topkloss")(keras_loss)


LOSSES: dict[str, type[KerasLoss]] = {
    loss.__name__: _keras_loss(loss) for loss in _records.LOSSES.values() if loss._traits.heads == 1
}
"""Every loss by its name, which is that of the record."""

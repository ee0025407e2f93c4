"""The modules themselves: one for each loss that `topkloss` has a record of.

What a module can do beyond having a value and a gradient, it has from base classes, by what its
loss is like.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import topkloss  # noqa: F401 - who imports it has every record
from topkloss import _documentation
from topkloss._records import LOSSES, never
from topkloss.torch._base import LossModule
from topkloss.torch._module import OneHeadModule, WeightedModule
from topkloss.torch._noised import NoisedModule
from topkloss.torch._prediction import PredictingModule
from topkloss.torch._two_heads import TwoHeadModule

_ABILITIES: dict[type[LossModule], Callable[[Any], bool]] = {
    TwoHeadModule: lambda loss: loss._traits.heads == 2,
    NoisedModule: lambda loss: loss._traits.is_random is not never,
    PredictingModule: lambda loss: hasattr(loss, "predict"),
    WeightedModule: lambda loss: "class_weight" in loss._options,
}


_OWN = {
    "check": "Whether calls with CUDA tensors that are computed on the device wait for it, and\n"
    "        raise what is found there: see `topkloss.torch`.",
    "inplace": "Whether the gradient is written over the logits, which are then not to be used\n"
    "        any more: see `topkloss.torch`.",
}
_SWITCHES = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation="bool")
    for name in _OWN
]


def _documented(loss: Any, bases: tuple[type[LossModule], ...]) -> str:
    """The loss's own documentation, with what its module's bases say below their first lines."""
    own = _documentation.sections(loss)
    bases = (*bases, LossModule)
    notes = [_documentation.sections(base)[""].partition("\n\n")[2] for base in bases]
    attributes = [_documentation.sections(base).get("Attributes") for base in bases]
    return _documentation.docstring(
        "\n\n".join(filter(None, [f"`topkloss.{loss.__name__}` as a module.", own[""], *notes])),
        _documentation.entries(own.get("Args", "")) | _OWN,
        [("Attributes", "\n".join(filter(None, attributes))), ("Raises", own.get("Raises", ""))],
    )


def _module(loss: Any) -> Any:
    bases = tuple(base for base, fits in _ABILITIES.items() if fits(loss)) or (OneHeadModule,)

    def __init__(  # noqa: N807
        self: Any,
        /,
        *arguments: Any,
        check: bool = False,
        inplace: bool = False,
        **options: Any,
    ) -> None:
        super(module, self).__init__(loss(*arguments, **options), check, inplace)

    signature = inspect.signature(loss.__init__)
    parameters = [*signature.parameters.values(), *_SWITCHES]
    __init__.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    __init__.__doc__ = loss.__doc__
    __init__.__qualname__ = f"{loss.__name__}.__init__"
    members = {
        "__module__": "topkloss.torch",
        "__doc__": _documented(loss, bases),
        "__annotations__": {"loss": loss},
        "__init__": __init__,
    }
    module: Any = type(loss.__name__, bases, members)
    return module


MODULES: dict[str, type[LossModule]] = {loss.__name__: _module(loss) for loss in LOSSES.values()}
"""Every module by its name, which is that of its loss."""

"""The handlers of libtopkloss_xla.so, registered with XLA: calls on the CPU, without Python.

What a call says to them stands in topkloss_xla.h.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from topkloss._library import library
from topkloss.jax._calls import Call

TARGET = "topkloss"
"""The name that XLA's programs have for them."""


def _path() -> str:
    """Of the library with the handlers: what is named, else the one beside the package's other."""
    named = os.environ.get("TOPKLOSS_XLA_LIBRARY")
    return named or str(Path(library._name).with_name("libtopkloss_xla.so"))


def _register() -> bool:
    """Registers the handlers. False if there are none: the package was built without."""
    capsule: Any = jax.ffi.pycapsule
    try:
        handlers = ctypes.CDLL(_path())
        stages = {
            "instantiate": capsule(handlers.topkloss_xla_instantiate),
            "execute": capsule(handlers.topkloss_xla_evaluate),
        }
    except (OSError, AttributeError):
        return False
    jax.ffi.register_ffi_target(TARGET, stages, platform="cpu")
    return True


# Under the lock of this module's import: once, whatever the threads are that call.
_registered = _register()


def are_there() -> bool:
    """Whether there are handlers to be called."""
    return _registered


def attributes(call: Call) -> dict[str, Any]:
    """A call in the handlers' words."""
    return {
        "loss": call.loss._kind,
        "operands": " ".join(call.inputs),
        "results": " ".join(call.outputs),
        "row_axes": np.int64(call.row_axes),
        "rows_are_compared": np.int64(call.depends_on_other_rows),
        "gradient_scale": np.float64(call.gradient_scale),
        **{
            name: _attribute(value)
            for name, value in call.loss._option_values().items()
            if name != "reduction"
        },
    }


def _attribute(value: Any) -> Any:
    """A number of a type that XLA has, with the bits of one that it has not."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value, np.float64)
    if isinstance(value, float):
        return np.float64(value)
    return np.uint64(value & 0xFFFFFFFFFFFFFFFF).astype(np.int64)

"""The handlers of libtopkloss_xla.so, registered with XLA: calls on the CPU, without Python.

What a call says to them stands in topkloss_xla.h.
"""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

from topkloss._library import library
from topkloss.jax._calls import Call

TARGET = "topkloss"
"""The name that XLA's programs have for them."""


_KNOWN = range(1, 4)
"""Minor versions of XLA's interface, of major 0, that the handlers know, as CXLA.h has them."""


def _version_of_jaxlib() -> tuple[int, int]:
    """Of the interface, from the header that jaxlib ships: major and minor."""
    header = Path(jax.ffi.include_dir(), "xla/ffi/api/c_api.h").read_text()
    found = dict(re.findall(r"#define XLA_FFI_API_(MAJOR|MINOR) +(\d+)", header))
    return int(found["MAJOR"]), int(found["MINOR"])


def _version_of(handler: Any) -> tuple[int, int]:
    """What a handler answers to XLA's question, put in a frame of CXLA.h without functions."""
    metadata = (ctypes.c_int64 * 6)(36, 24)
    question = (ctypes.c_int64 * 4)(32, 1, 0, ctypes.addressof(metadata))
    handler.restype = ctypes.c_void_p
    handler(ctypes.byref((ctypes.c_int64 * 3)(24, ctypes.addressof(question))))
    return metadata[3] & 0xFFFFFFFF, metadata[3] >> 32


def _check(speaker: str, major: int, minor: int) -> None:
    if major != 0 or minor not in _KNOWN:
        raise RuntimeError(
            f"{speaker} of version {major}.{minor} of XLA's foreign function interface, and known "
            f"are 0.{_KNOWN[0]} to 0.{_KNOWN[-1]}"
        )


def _register() -> bool:
    """Registers the handlers. False if there are none, or XLA would refuse them.

    XLA is not left to refuse them itself: JAX hands them over when its backend for the CPU starts,
    which a refusal would take along.

    Raises:
        ImportError: TOPKLOSS_XLA_LIBRARY names what is no library with handlers.
    """
    named = os.environ.get("TOPKLOSS_XLA_LIBRARY")
    if named == "":
        return False
    try:
        loaded = ctypes.CDLL(named or str(Path(library._name).with_name("libtopkloss_xla.so")))
        stages = {
            "instantiate": loaded.topkloss_xla_instantiate,
            "execute": loaded.topkloss_xla_evaluate,
        }
    except (OSError, AttributeError) as error:
        if named:
            raise ImportError(
                f"TOPKLOSS_XLA_LIBRARY is {named!r}, which has no handlers: {error}"
            ) from error
        return False
    try:
        _check("jaxlib is", *_version_of_jaxlib())
        for stage in stages.values():
            _check("the handlers are", *_version_of(stage))
        capsule: Any = jax.ffi.pycapsule
        capsules = {name: capsule(stage) for name, stage in stages.items()}
        jax.ffi.register_ffi_target(TARGET, capsules, platform="cpu")
    except Exception as error:
        warnings.warn(
            "topkloss.jax goes through Python's callbacks, which take longer, for XLA cannot call "
            f"its handlers: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
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

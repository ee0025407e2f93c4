"""A warning where JAX's callbacks can hang: XLA's pool has one thread, and it is in the callback.

JAX hands a callback arrays that XLA has yet to copy: large ones on another thread of its pool for
the CPU, whose size is the environment variable NPROC, else the number of processors that the
process may run on (or of JAX's own devices on the CPU, if they are more). If there is no other
thread, the callback waits for ever (https://github.com/jax-ml/jax/issues/24255).
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from pathlib import Path
from typing import Any

_LARGE = 100 * 1024
"""Bytes up to which XLA copies an array at once, on the thread that it is on."""

_POOL = "tf_XLAEigen"
"""What XLA calls the threads of that pool."""


def _threads() -> int:
    """How many threads the pool has: those that are there, or what would be made."""
    found = 0
    with contextlib.suppress(OSError):
        for name in Path("/proc/self/task").glob("*/comm"):
            with contextlib.suppress(OSError):  # of a thread that has just ended
                found += name.read_text().strip() == _POOL
    if found:
        return found
    with contextlib.suppress(KeyError, ValueError):
        return int(os.environ["NPROC"])
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _warn_once() -> None:
    if _threads() > 1:
        return
    warnings.warn(
        "JAX has one thread for its programs on the CPU, so that this call of topkloss.jax can "
        "hang, as every callback with arguments of more than 100 KiB can: set the environment "
        "variable NPROC to 2 or more before JAX starts",
        RuntimeWarning,
        stacklevel=2,
    )


def warn_of_hanging(operands: tuple[Any, ...]) -> None:
    """Warns once, if a callback with these arguments can hang. Does not wait for them."""
    if any(operand.nbytes > _LARGE for operand in operands):
        _warn_once()

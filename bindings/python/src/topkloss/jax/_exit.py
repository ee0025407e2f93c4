"""The end of the process, which has to wait for callbacks that JAX still has in its queue.

JAX computes while Python goes on. A callback that begins when the interpreter is already being
taken down has its thread ended by Python in the middle of C++, which aborts the whole process.
Functions for the end run before that, in the reverse order of their registration: this one before
JAX's own.
"""

from __future__ import annotations

import atexit
import contextlib
import functools

import jax
import numpy as np


def _nothing() -> np.ndarray[tuple[()], np.dtype[np.float32]]:
    return np.zeros((), np.float32)


def _wait() -> None:
    """Waits for what this thread has queued, and for all arrays that anybody holds.

    A device works off what one thread has queued in order, so that a program of the same kind at
    the end of the queue is done when all others are, those also whose results nobody holds.
    """
    # What went wrong in the program has no one to hear it any more.
    with contextlib.suppress(Exception):
        shape = jax.ShapeDtypeStruct((), np.float32)  # type: ignore[no-untyped-call]
        jax.jit(lambda: jax.pure_callback(_nothing, shape))().block_until_ready()
    for array in jax.live_arrays():  # type: ignore[no-untyped-call]
        with contextlib.suppress(Exception):
            array.block_until_ready()


@functools.cache
def wait_at_exit() -> None:
    """Has the process wait when it ends. Once is enough."""
    atexit.register(_wait)

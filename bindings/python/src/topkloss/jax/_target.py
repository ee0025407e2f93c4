"""The custom call: a function with the C ABI that XLA asks of it, made by ctypes.

XLA calls it with pointers into its own buffers, and the library reads and writes there: nothing is
copied. It takes Python's lock to read the call's description, which costs a few microseconds, and
gives it back while the library computes.
"""

from __future__ import annotations

from typing import Any

import jax

from topkloss.jax import _xla
from topkloss.jax._calls import known
from topkloss.jax._host import Block, run

NAME = "topkloss_evaluate"


def _blocks(buffers: _xla.Buffers) -> list[Block]:
    blocks = []
    for index in range(buffers.size):
        buffer = buffers.buffers[index].contents
        blocks.append(Block(buffer.data, buffer.dtype, tuple(buffer.dims[: buffer.rank])))
    return blocks


def _answer(address: int) -> int | None:
    frame = _xla.Frame.from_address(address)
    # Nothing may be raised through C, so everything becomes an error of XLA's.
    try:
        if _xla.answer_metadata(frame):
            return None
        key = frame.attributes.attributes[0].contents.value[0]
        run(known(key), _blocks(frame.arguments), _blocks(frame.results))
    except BaseException as caught:
        return _xla.error(frame, str(caught) or type(caught).__name__)
    return None


# Kept for as long as XLA may call it.
_handler = _xla.Handler(_answer)
_as_capsule: Any = jax.ffi.pycapsule
jax.ffi.register_ffi_target(NAME, _as_capsule(_handler), platform="cpu")

"""Runs the PTX that ships on this machine's processor: the harness that tests of kernels use.

    module = Module(PTX / "softmax_f32.ptx")
    logits = guarded(numpy.array(...))       # as device memory: a page without access follows it
    call = Call(rows=..., classes=...)       # call.py: the struct of CDevice.h
    call.logits.elements = logits.ctypes.data
    for order in ORDERS:
        module.launch("topk_...", call, blocks=2, threads=128, shared_bytes=256, order=order)

A launch returns what it counted, or raises LaunchError: a barrier or shuffle that not all threads
reach, a race, shared memory that is read before it is written, an access that is not aligned or
outside of guarded memory, a loop without end, each with the PTX's line. Every order is another way
in which a device may run the threads (emulator.h): results have to be the same bytes in all.

A module is translated and compiled once for its content, into the folder TOPKLOSS_GPU_CACHE or
.build/gpu. That is without optimisation, five times as fast as with: TOPKLOSS_GPU_OPTIMIZATION=1
is for long runs, four times as fast. `python device.py FILE...` compiles and prints the paths.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from compiling import HERE, PTX, TOP, cache, compile_module, stand_in_driver

__all__ = [
    "HERE",
    "ORDERS",
    "PTX",
    "TOP",
    "Counts",
    "LaunchError",
    "Module",
    "cache",
    "compile_module",
    "guarded",
    "stand_in_driver",
    "unwritten",
]

ORDERS = (0, 1, 2, 3, 4, 5)
"""All that an emulation can tell apart, at least once."""


class LaunchError(Exception):
    """What a device would have done wrong, or left undefined."""


class Counts(NamedTuple):
    """Of one launch, over all its threads."""

    barriers: int
    warp_barriers: int
    shuffles: int
    """And votes."""
    turns: int
    """Of loops."""
    trace: int
    """A digest of what every thread did together with others, one after another."""


class _Launch(ctypes.Structure):
    """Launch of emulator.h."""

    _fields_ = (
        ("blocks", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("shared_bytes", ctypes.c_uint32),
        ("mutated_line", ctypes.c_uint32),
        ("order", ctypes.c_uint64),
        ("turns", ctypes.c_uint64),
        ("reached", ctypes.c_void_p),
        ("lines", ctypes.c_uint32),
        ("barriers", ctypes.c_uint64),
        ("warp_barriers", ctypes.c_uint64),
        ("shuffles", ctypes.c_uint64),
        ("taken_turns", ctypes.c_uint64),
        ("trace", ctypes.c_uint64),
        ("error", ctypes.c_char * 1000),
    )


class _Kernel(ctypes.Structure):
    """Kernel of emulator.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("body", ctypes.c_void_p),
        ("parameter_bytes", ctypes.c_uint32),
        ("shared_bytes", ctypes.c_uint32),
        ("max_threads", ctypes.c_uint32),
    )


class Module:
    """A file of PTX, or its text; or another library of the same kernels (source.py)."""

    def __init__(self, ptx: Path | str, *, library: Path | None = None) -> None:
        self.text = ptx.read_text() if isinstance(ptx, Path) else ptx
        self._library = ctypes.CDLL(str(library or compile_module(self.text)))
        self._library.emulator_launch.argtypes = (
            ctypes.c_char_p,
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.POINTER(_Launch),
        )
        table = (_Kernel * 1000).in_dll(self._library, "emulator_kernels")
        self.latest: Counts | None = None
        """Of the last launch."""
        self.parameter_bytes: dict[str, int] = {}
        """Of the kernels, by their names."""
        for kernel in table:
            if kernel.name is None:
                break
            self.parameter_bytes[kernel.name.decode()] = kernel.parameter_bytes

    @property
    def kernels(self) -> tuple[str, ...]:
        """Their names, in the file's order."""
        return tuple(self.parameter_bytes)

    def launch(
        self,
        kernel: str,
        call: ctypes.Structure | bytes,
        *,
        blocks: int,
        threads: int,
        shared_bytes: int = 0,
        order: int = 0,
        without: int = 0,
        turns: int = 0,
        reached: ctypes.Array[ctypes.c_uint8] | None = None,
    ) -> Counts:
        """Runs a kernel to its end.

        Args:
            kernel: Its name.
            call: Its parameter.
            blocks: How many.
            threads: Of each block, a multiple of 32.
            shared_bytes: Dynamic shared memory of each block.
            order: In which threads run; 0 looks for races besides.
            without: A line of the PTX whose barrier is left out, or whose shuffle is wrong.
            turns: Of loops, all threads' together, that are enough; 0: four thousand million.
            reached: A byte a line: 1 where threads came to a barrier, shuffle or vote; 2 where a
                barrier of the block was followed by another.
        """
        data = bytes(call)
        parameter = (ctypes.c_uint64 * (-(-len(data) // 8))).from_buffer_copy(
            data.ljust(-(-len(data) // 8) * 8, b"\0")
        )
        launch = _Launch(blocks, threads, shared_bytes, without, order=order, turns=turns)
        if reached is not None:
            launch.reached, launch.lines = ctypes.addressof(reached), len(reached)
        if self._library.emulator_launch(
            kernel.encode(), parameter, len(data), ctypes.byref(launch)
        ):
            raise LaunchError(f"{kernel}, order {order}: {launch.error.decode()}")
        self.latest = Counts(
            launch.barriers,
            launch.warp_barriers,
            launch.shuffles,
            launch.taken_turns,
            launch.trace,
        )
        return self.latest


class _Pages:
    """Memory between two pages that nobody may touch."""

    _libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, size: int) -> None:
        room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, room + 2 * mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for page in (start, start + mmap.PAGESIZE + room):
            if self._libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes = memoryview(self._memory)[mmap.PAGESIZE : mmap.PAGESIZE + room]


def guarded(values: npt.ArrayLike, *, alignment: int = 16) -> npt.NDArray[Any]:
    """A copy of an array in memory of its own, as near to its end as the alignment lets it be.

    Kernels that read or write beyond it, or before its page, fail. An alignment below 16, that of
    the element at least, is what a slice of somebody's tensor may have.
    """
    array = np.asarray(values)
    size = -(-array.nbytes // alignment) * alignment
    pages = _Pages(max(size, 1))
    start = len(pages.bytes) - size
    view = np.frombuffer(pages.bytes, np.uint8, array.nbytes, start)
    out = view.view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


def unwritten(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Guarded memory that begins as NaN, or as -1."""
    array = guarded(np.empty(shape, dtype))
    array.view(np.uint8)[...] = 0xFF
    return array


if __name__ == "__main__":
    for file in sys.argv[1:]:
        print(compile_module(Path(file).read_text()))

"""Small modules of PTX for tests of the emulator itself."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy.typing as npt

from device import Counts, Module, guarded

_HEAD = """.version 6.4
.target sm_70
.address_size 64
.extern .shared .align 16 .b8 shared[];
.visible .entry kernel(
.param .align 8 .b8 kernel_param_0[16]
)
{
.reg .pred %p<10>;
.reg .b16 %rs<10>;
.reg .b32 %r<20>;
.reg .b64 %rd<20>;
ld.param.b64 %rd1, [kernel_param_0];
mov.u32 %r1, %tid.x;
mul.wide.u32 %rd2, %r1, 4;
add.s64 %rd3, %rd1, %rd2;
mov.b64 %rd4, shared;
add.s64 %rd5, %rd4, %rd2;
"""


def module(body: str) -> Module:
    """A kernel of which %rd1 is the memory it is given and %r1 the thread.

    %rd3 is the thread's four bytes of that memory, %rd5 its four of shared memory, which begins
    at %rd4.
    """
    return Module(f"{_HEAD}{body}\nret;\n}}\n")


def line_of(body: str, text: str) -> int:
    """On which line of the module something stands first."""
    return (_HEAD + body)[: (_HEAD + body).index(text)].count("\n") + 1


class _Parameter(ctypes.Structure):
    _fields_ = (("memory", ctypes.c_uint64), ("none", ctypes.c_uint64))


def run(
    kernel: Module, memory: npt.NDArray[Any], *, threads: int = 64, blocks: int = 1, **options: Any
) -> tuple[npt.NDArray[Any], Counts]:
    """Runs the kernel on a copy of some memory, with 4 bytes of shared memory a thread."""
    copy = guarded(memory)
    parameter = _Parameter(copy.ctypes.data, 0)
    counts = kernel.launch(
        "kernel", parameter, blocks=blocks, threads=threads, shared_bytes=4 * threads, **options
    )
    return copy, counts

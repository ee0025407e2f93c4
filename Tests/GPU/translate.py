"""PTX to C for the emulator, a statement an instruction; it stops at what it does not know.

Registers are variables of as many bits. An instruction is the function of instructions.h that has
its name (`fma.rn.f32` is `fma_rn_f32`), labels are labels. What has operands of its own kind is
here: memory, predicates, vectors, branches, collectives. Every access and every collective carries
the line of the PTX on which it stands, which is how errors name it.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import ptx
from body import Body
from ptx import Kernel, UnknownInstructionError


def _kernel(kernel: Kernel) -> list[str]:
    lines = [
        f"static void kernel_{kernel.name}(const uint8_t *parameter) {{",
        "(void)parameter; _Bool carry = 0; (void)carry;",
    ]
    lines += filter(None, Body(kernel).lines())
    return [*lines, "}"]


class Translation(NamedTuple):
    """A module in C, with a table of its kernels; and those that could not be translated, and why.

    These are in the table too, and fail with that when they are launched.
    """

    text: str
    refused: dict[str, str]


def translate(text: str) -> Translation:
    """Translates a module."""
    module = ptx.read(text)
    out, refused = ['#include "instructions.h"', *module.constants], {}
    for kernel in module.kernels:
        try:
            out += _kernel(kernel)
        except UnknownInstructionError as error:  # noqa: PERF203
            refused[kernel.name] = str(error)
            why = json.dumps(f"not translated: {error}")
            out.append(f"static void kernel_{kernel.name}(const uint8_t *parameter) {{")
            out.append(f'(void)parameter; emulator_fail(0, "%s", {why}); }}')
    out.append("const Kernel emulator_kernels[] = {")
    out += [
        f'{{"{each.name}", kernel_{each.name}, {each.parameter_bytes}, {each.shared_bytes}, '
        f"{each.max_threads}}},"
        for each in module.kernels
    ]
    return Translation("\n".join([*out, "{0}};", ""]), refused)

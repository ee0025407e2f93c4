"""Runs a family's row kernel, from what topk_begin leaves to the table of losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from call import CONSTANTS, Call, Partial
from device import PTX, Module, guarded, unwritten

Array = npt.NDArray[Any]

DTYPES = {"float32": "TOPK_DEVICE_FLOAT32", "float16": "TOPK_DEVICE_FLOAT16"}
DTYPES["bfloat16"] = "TOPK_DEVICE_BFLOAT16"


def stored(numbers: npt.ArrayLike, dtype: str) -> Array:
    """Rows as a device holds them: bfloat16 as its bits."""
    single = np.asarray(numbers, np.float32)
    if dtype != "bfloat16":
        return single.astype(dtype)
    bits = single.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def widened(numbers: Array) -> Array:
    """What is stored, in float64."""
    if numbers.dtype == np.uint16:
        return (numbers.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return numbers.astype(np.float64)


@dataclasses.dataclass
class Rows:
    """A family's kernel on the emulator."""

    family: str
    describe: Callable[[Any], None]
    """Puts the loss into a call."""
    scratch: Callable[[int], int] = lambda _: 0
    """Bytes that a block has of its own, behind rows that are widened."""
    shared_bytes: int = CONSTANTS["TOPK_DEVICE_REDUCTION_BYTES"]

    def __post_init__(self) -> None:
        self.module = Module(PTX / f"{self.family}.ptx")

    def run(
        self,
        logits: Array,
        labels: Array | None,
        *,
        threads: int = 64,
        blocks: int = 2,
        order: int = 0,
        in_place: bool = False,
        wants_gradient: bool = True,
        **numbers: Any,
    ) -> tuple[Array, Array]:
        """Losses and gradients of rows, as `stored` has them; numbers: of the call, its weights."""
        rows, classes = logits.shape
        call = Call(rows=rows, classes=classes, ignored_label=-100)
        self.describe(call)
        name = {"uint16": "bfloat16"}.get(str(logits.dtype), str(logits.dtype))
        call.dtype = CONSTANTS[DTYPES[name]]
        given = guarded(logits)
        gradient = given if in_place else unwritten(logits.shape, logits.dtype)
        for matrix, elements in ((call.logits, given), (call.gradient, gradient)):
            matrix.elements, matrix.stride = elements.ctypes.data, classes
        if not wants_gradient:
            call.gradient.elements = None
        kept = [given, gradient]
        if labels is not None:
            kept.append(guarded(np.asarray(labels, np.int64)))
            call.labels = kept[-1].ctypes.data
        for field, values in numbers.items():
            kept.append(guarded(np.asarray(values, np.float64)))
            setattr(call, field, kept[-1].ctypes.data)
            if field == "upstream":
                call.upstream_is_per_row = len(values) > 1
        none = CONSTANTS["TOPK_DEVICE_NO_ROW"]
        partials = (Partial * CONSTANTS["TOPK_DEVICE_PARTIALS"])(
            *[Partial(0, none, none, none)] * CONSTANTS["TOPK_DEVICE_PARTIALS"]
        )
        call.partials = np.frombuffer(partials, np.uint8).ctypes.data
        row_bytes = 0 if logits.dtype == np.float32 else -(-4 * classes // 256) * 256
        call.row_bytes = row_bytes
        call.scratch_stride = -(-(2 * row_bytes + self.scratch(classes)) // 256) * 256
        kept.append(unwritten(blocks * call.scratch_stride + 1, np.uint8))
        call.scratch = kept[-1].ctypes.data
        losses = unwritten(rows, np.float64)
        call.row_losses = losses.ctypes.data
        self.module.launch(
            f"topk_{self.family}",
            call,
            blocks=blocks,
            threads=threads,
            shared_bytes=self.shared_bytes,
            order=order,
        )
        return losses, gradient


def assert_close(found: npt.ArrayLike, expected: npt.ArrayLike, bar: float) -> None:
    """Within a bar of the largest, as far as float32 can tell; NaN and infinities alike."""
    one, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert np.array_equal(np.isnan(one), np.isnan(other))
    exact = ~np.isfinite(other)
    assert np.array_equal(one[exact], other[exact], equal_nan=True)
    distance = np.abs(one[~exact] - other[~exact])
    largest = np.max(np.abs(other[~exact]), initial=0)
    assert np.max(distance, initial=0) <= bar * largest + 1e-37, (distance.max(), largest)

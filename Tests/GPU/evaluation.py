"""A batch in the memory of an emulated device, and a loss's kernels run over it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt

from call import CONSTANTS, TYPES, Call, Outcome
from device import PTX, Module, guarded, unwritten

Floats = npt.NDArray[np.float64]
ELEMENTS: dict[str, Any] = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
}
CODES = {
    "f32": CONSTANTS["TOPK_DEVICE_FLOAT32"],
    "f16": CONSTANTS["TOPK_DEVICE_FLOAT16"],
    "bf16": CONSTANTS["TOPK_DEVICE_BFLOAT16"],
}
PARTIALS = CONSTANTS["TOPK_DEVICE_PARTIALS"]
SHARED_BYTES = CONSTANTS["TOPK_DEVICE_REDUCTION_BYTES"]
# Units of rounding, relative to the size of a gradient.
ROUNDING = {"f32": 0.0, "f16": 2.0**-10, "bf16": 2.0**-7}


class Step(NamedTuple):
    """A kernel, on so many blocks: 0 for as many as rows have."""

    module: Module
    kernel: str
    blocks: int = 0
    shared_bytes: int = SHARED_BYTES


class Result(NamedTuple):
    """What an evaluation left."""

    value: float
    total_weight: float
    threshold: float
    fault: int
    row: int
    rows: Floats
    gradient: Floats
    """Without rows where it is not wanted; so the next."""
    second: Floats
    shared: npt.NDArray[np.uint8]
    content: bytes
    """All of it, to compare with that of other orders."""


@dataclass
class Batch:
    """Rows and what is known of them, on the host."""

    logits: Floats
    labels: npt.NDArray[Any]
    element: str = "f32"
    second: Floats | None = None
    sample_weight: Floats | None = None
    upstream: Floats | None = None
    class_weight: Floats | None = None
    is_mean: bool = True
    ignored_label: int = -100
    check_finite: bool = False
    in_place: bool = False
    gradient: bool = True
    padding: int = 0
    threshold: float = 0.0
    describe: Callable[[Any], None] | None = None
    kept: list[Any] = field(default_factory=list)

    @property
    def stored(self) -> Floats:
        """The logits as they are stored."""
        return self._stored(self.logits)

    @property
    def stored_second(self) -> Floats:
        """The second matrix as it is stored."""
        assert self.second is not None
        return self._stored(self.second)

    def _stored(self, matrix: Floats) -> Floats:
        with np.errstate(over="ignore"):
            stored: Floats = matrix.astype(ELEMENTS[self.element]).astype(np.float64)
        return stored

    def vector(self, numbers: Any) -> int:
        """The address of a vector on the device, which lives as long as the batch."""
        array = guarded(numbers)
        self.kept.append(array)
        return int(array.ctypes.data)

    def _matrix(self, of: Any, numbers: Floats) -> npt.NDArray[Any]:
        rows, classes = numbers.shape
        memory = unwritten((rows, classes + self.padding), ELEMENTS[self.element])
        with np.errstate(over="ignore"):
            memory[:, :classes] = numbers.astype(ELEMENTS[self.element])
        of.elements, of.stride = memory.ctypes.data, classes + self.padding
        return memory

    def run(
        self,
        steps: Sequence[Step],
        *,
        threads: int = 64,
        blocks: int = 3,
        order: int = 0,
        shared_bytes: int = 256,
        scratch_bytes: int = 0,
    ) -> Result:
        """Evaluates: begin, the family's kernels, end."""
        rows, classes = self.logits.shape
        call = Call(rows=rows, classes=classes, dtype=CODES[self.element])
        logits = self._matrix(call.logits, self.logits)
        gradient, second_gradient = logits, None
        if self.gradient and not self.in_place:
            gradient = self._matrix(call.gradient, np.full((rows, classes), np.nan))
        elif self.gradient:
            call.gradient = call.logits
        if self.second is not None:
            second = second_gradient = self._matrix(call.second, self.second)
            self.kept.append(second)
            if self.gradient and not self.in_place:
                second_gradient = self._matrix(
                    call.second_gradient, np.full((rows, classes), np.nan)
                )
            elif self.gradient:
                call.second_gradient = call.second
        labels = guarded(self.labels)
        call.labels = labels.ctypes.data
        call.labels_are_int32 = self.labels.dtype == np.int32
        call.ignored_label = self.ignored_label
        call.is_mean, call.check_finite = self.is_mean, self.check_finite
        for name in ("sample_weight", "upstream"):
            numbers = getattr(self, name)
            if numbers is not None:
                setattr(call, name, self.vector(np.asarray(numbers, np.float64)))
        call.upstream_is_per_row = self.upstream is not None and self.upstream.size > 1
        if self.class_weight is not None:
            call.class_weight.numbers = self.vector(np.asarray(self.class_weight, np.float64))
        outcome, row_losses = Outcome(threshold=self.threshold), unwritten(rows, np.float64)
        partials = unwritten(ctypes.sizeof(TYPES["DevicePartial"]) * PARTIALS, np.uint8)
        values, shared = unwritten(rows, ELEMENTS[self.element]), unwritten(shared_bytes, np.uint8)
        call.outcome, call.partials = ctypes.addressof(outcome), partials.ctypes.data
        call.row_losses, call.row_values = row_losses.ctypes.data, values.ctypes.data
        call.shared = shared.ctypes.data
        row_bytes = 0 if self.element == "f32" else -(-4 * classes // 256) * 256
        call.row_bytes = row_bytes
        call.scratch_stride = 2 * row_bytes + -(-scratch_bytes // 256) * 256
        scratch = unwritten(max(1, blocks * call.scratch_stride), np.uint8)
        call.scratch = scratch.ctypes.data
        if self.describe:
            self.describe(call)
        module = Module(PTX / "batch.ptx")
        # Of few rows, as the library launches them: test_mutations.py has them with many.
        begin, end = Step(module, "topk_begin", PARTIALS), Step(module, "topk_end", 1)
        for step in (begin, *steps, end):
            step.module.launch(
                step.kernel,
                call,
                blocks=step.blocks or blocks,
                threads=32 if step.module is module else threads,
                shared_bytes=step.shared_bytes,
                order=order,
            )
        left: list[Any] = [values, row_losses]
        if self.gradient:
            left += [gradient] if second_gradient is None else [gradient, second_gradient]
        if self.padding:
            for matrix in left[2:]:
                assert (matrix.view(np.uint8).reshape(rows, -1)[:, -self.padding :] == 0xFF).all()

        def found(matrix: Any) -> Floats:
            if matrix is None or not self.gradient:
                return np.empty((0, classes))
            return np.array(matrix[:, :classes].astype(np.float64))

        return Result(
            outcome.value,
            outcome.total_weight,
            outcome.threshold,
            outcome.fault,
            outcome.row,
            np.array(row_losses),
            found(gradient),
            found(second_gradient),
            np.array(shared),
            b"".join([bytes(outcome), *(array.tobytes() for array in left)]),
        )

    @property
    def counts(self) -> npt.NDArray[np.bool_]:
        """Which rows are not ignored."""
        return np.asarray(self.labels != self.ignored_label)

    @property
    def weight(self) -> Floats:
        """Of the rows, 1 if there are none."""
        return np.ones(len(self.labels)) if self.sample_weight is None else self.sample_weight

    def scale(self) -> Floats:
        """What multiplies the gradients of the rows' losses: v u / divisor, 0 where ignored."""
        upstream = 1.0 if self.upstream is None else self.upstream
        divisor = (self.total_weight() or np.inf) if self.is_mean else 1.0
        scale: Floats = self.counts * upstream * self.weight / divisor
        return scale

    def total_weight(self) -> float:
        """The sum of v w_y."""
        labels = self.labels * self.counts
        of_class = 1.0 if self.class_weight is None else self.class_weight[labels]
        return float((self.counts * self.weight * of_class).sum())


def close(found: Any, expected: Any, size: Any, element: str, units: float = 4.0) -> None:
    """Numbers agree within so many units of float32's rounding, and what their storage rounds off.

    NaN and infinities agree with themselves.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    stored = np.abs(np.where(np.isfinite(expected), expected, 0)) * ROUNDING[element]
    # Of float16, numbers below the smallest normal one are whole multiples of 2^-24.
    allowed = units * 2.0**-24 * np.asarray(size) + stored + (2.0**-25 if element == "f16" else 0)
    with np.errstate(invalid="ignore"):
        agrees = (np.abs(found - expected) <= allowed) | (found == expected)
    agrees |= np.isnan(found) & np.isnan(expected)
    worst = np.argwhere(~agrees)
    assert agrees.all(), (worst[:5], found[~agrees][:5], expected[~agrees][:5])

"""A call on the host: arrays that lie in the CPU's memory, and the library's evaluation of them.

Arrays of one call may differ in their leading axes, which `jax.vmap` added: where an array is the
same for all, such an axis has length 1.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arrays import AnyArray
from topkloss._evaluation import BATCH_SIZE, RESULT_SIZE, call
from topkloss.jax import _xla
from topkloss.jax._calls import Call

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class Block(NamedTuple):
    """A row-major array in memory: where, of which of XLA's element types, and its shape."""

    address: int
    dtype: int
    shape: tuple[int, ...]


def _numpy_dtype(code: int) -> np.dtype[Any]:
    name = _xla.DTYPE_NAMES[code]
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


_ITEM_SIZES = {code: _numpy_dtype(code).itemsize for code in _xla.DTYPE_NAMES}


def array_of(block: Block) -> AnyArray:
    """A view of the block's memory."""
    size = math.prod(block.shape) * _ITEM_SIZES[block.dtype]
    memory = (ctypes.c_char * size).from_address(block.address)
    return np.frombuffer(memoryview(memory), _numpy_dtype(block.dtype)).reshape(block.shape)


def block_of(array: AnyArray) -> Block:
    """The block that a contiguous array lies in, which has to be kept alive."""
    return Block(address(array), _xla.DTYPES[array.dtype.name], array.shape)


# How many axes an array has after those of the rows. A step is two numbers for all rows of a call,
# as a threshold is one, so that neither has axes of rows.
_OWN_AXES = {
    "logits": 1,
    "multi_label_logits": 1,
    "labels": 0,
    "upstream": 0,
    "noise": 2,
    "values": 0,
    "gradient": 1,
    "multi_label_gradient": 1,
}
_FOR_ALL_ROWS = {"step": 1, "threshold": 0}


class _Sliced:
    """A call's arrays by name, each with all the leading axes, and what lies in each slice."""

    def __init__(self, what: Call, inputs: list[Block], outputs: list[Block]) -> None:
        self.inputs = dict(zip(what.inputs, inputs, strict=True))
        self.outputs = dict(zip(what.outputs, outputs, strict=True))
        name, first = what.outputs[0], outputs[0]
        lead = first.shape[: len(first.shape) - _OWN_AXES[name]]
        mapped = len(lead) - what.row_axes
        self.slices: tuple[int, ...] = lead[:mapped]
        self.rows = math.prod(lead[mapped:])
        self.classes = self.inputs["logits"].shape[-1]
        self._kept: list[Any] = []
        step = self.inputs.get("step")
        self._steps: tuple[int, ...] = step.shape[:-1] if step else ()
        if mapped:
            for name, block in self.inputs.items():
                own = _FOR_ALL_ROWS.get(name)
                if own is None:
                    whole = lead + block.shape[len(lead) :]
                elif self._is_shared(name, what):
                    continue
                else:
                    whole = self.slices + block.shape[mapped:]
                if whole != block.shape:
                    self.inputs[name] = self._widened(block, whole)
            if self._is_one_batch(what):
                self.rows *= math.prod(self.slices)
                self.slices = ()

    def _is_shared(self, name: str, what: Call) -> bool:
        block = self.inputs[name]
        return not what.depends_on_other_rows and math.prod(block.shape[:-1]) == 1

    def _is_one_batch(self, what: Call) -> bool:
        """Rows that neither need each other nor a step of their own are one batch."""
        return not what.depends_on_other_rows and (
            "step" not in self.inputs or self._is_shared("step", what)
        )

    def _widened(self, block: Block, shape: tuple[int, ...]) -> Block:
        array = np.ascontiguousarray(np.broadcast_to(array_of(block), shape))
        self._kept.append(array)
        return block_of(array)

    def first_row(self, slice_index: tuple[int, ...]) -> int:
        """The number of a slice's first row among all rows of its step.

        An axis over which the step is the same adds to the rows that are drawn with it.
        """
        before = 0
        for index, size, steps in zip(slice_index, self.slices, self._steps, strict=False):
            if steps == 1:
                before = before * size + index
        return before * self.rows

    def address(self, blocks: dict[str, Block], name: str, index: int) -> int | None:
        """Where the slice of an array begins; None if the call has no such array."""
        block = blocks.get(name)
        if block is None:
            return None
        own = _FOR_ALL_ROWS.get(name)
        if own is None:
            own_shape = block.shape[len(block.shape) - _OWN_AXES[name] :]
            items = self.rows * math.prod(own_shape)
        else:
            items = math.prod(block.shape[len(block.shape) - own :])
        return block.address + index * items * _ITEM_SIZES[block.dtype]


def _step(pointer: int | None) -> int:
    """A step of two uint32 words, the high one first."""
    if pointer is None:
        return 0
    high, low = (ctypes.c_uint32 * 2).from_address(pointer)
    return int(high) << 32 | int(low)


def _evaluate_slice(what: Call, arrays: _Sliced, index: int, first_row: int) -> None:
    """One call of the library."""
    inputs, outputs = arrays.inputs, arrays.outputs
    logits = inputs["logits"]
    batch = _abi.batch(BATCH_SIZE, arrays.rows, arrays.classes, _xla.FLOATS[logits.dtype])
    batch.logits = arrays.address(inputs, "logits", index)
    batch.multi_label_logits = arrays.address(inputs, "multi_label_logits", index)
    if "labels" in inputs:
        batch.label_type = _xla.INTEGERS[inputs["labels"].dtype]
        batch.labels = arrays.address(inputs, "labels", index)
    batch.noise = arrays.address(inputs, "noise", index)
    batch.step = _step(arrays.address(inputs, "step", index))
    batch.first_row = first_row
    result = _abi.result(RESULT_SIZE)
    result.row_values = arrays.address(outputs, "values", index)
    result.gradient = arrays.address(outputs, "gradient", index)
    result.multi_label_gradient = arrays.address(outputs, "multi_label_gradient", index)

    if "upstream" in inputs:
        block = inputs["upstream"]
        start = arrays.address(inputs, "upstream", index)
        assert start is not None
        upstream = array_of(Block(start, block.dtype, (arrays.rows,))).astype(np.float64)
        if not np.isfinite(upstream).all():  # as the chain rule has it, and no error
            assert result.gradient is not None
            shape = (arrays.rows, arrays.classes)
            array_of(Block(result.gradient, logits.dtype, shape))[...] = np.nan
            return
        batch.upstream = address(upstream)
    if "threshold" in inputs:
        start = arrays.address(inputs, "threshold", index)
        assert start is not None
        result.threshold = float(array_of(Block(start, inputs["threshold"].dtype, ())))
    call(what.loss._handle, batch, result)
    if "threshold" in outputs:
        start = arrays.address(outputs, "threshold", index)
        assert start is not None
        array_of(Block(start, outputs["threshold"].dtype, ()))[...] = result.threshold


def run(what: Call, inputs: list[Block], outputs: list[Block]) -> None:
    """Evaluates a call and writes to its outputs.

    Raises:
        TopKLossError: A label or a noise value is wrong; the message says which.
    """
    arrays = _Sliced(what, inputs, outputs)
    if arrays.rows == 0:
        if "threshold" in arrays.outputs:  # left as it is where no row counts
            array_of(arrays.outputs["threshold"])[...] = array_of(arrays.inputs["threshold"])
        return
    for index, place in enumerate(itertools.product(*map(range, arrays.slices))):
        _evaluate_slice(what, arrays, index, arrays.first_row(place))

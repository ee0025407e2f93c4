"""A call on the host: NumPy arrays in, the library's evaluation of them, fresh NumPy arrays out.

This runs on a thread of XLA's, in the middle of a program: no operation of JAX may run in here.
Arrays of one call may differ in their leading axes, which `jax.vmap` added: where an array is the
same for all, such an axis has length 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arrays import LABEL_CODES, AnyArray, view
from topkloss._evaluation import BATCH_SIZE, RESULT_SIZE, call
from topkloss.jax._calls import Call
from topkloss.jax._pool import warn_of_hanging

# A step is two numbers for all rows of a call, as a threshold is one, so that neither has axes of
# rows.
_FOR_ALL_ROWS = "step", "threshold"


def first_rows(slices: tuple[int, ...], steps: tuple[int, ...], rows: int) -> Iterator[int]:
    """The number of each slice's first row among all rows of its step.

    An axis over which the step is the same adds to the rows that are drawn with it.

    Args:
        slices: Lengths of the axes that were mapped over.
        steps: The same of the step; 1 where it is the same for all.
        rows: The rows of one slice.
    """
    for place in itertools.product(*map(range, slices)):
        before = 0
        for index, size, own in zip(place, slices, steps, strict=True):
            if own == 1:
                before = before * size + index
        yield before * rows


class _Sliced:
    """A call's inputs by name, with one axis of slices, each of which the library evaluates."""

    def __init__(self, what: Call, operands: tuple[Any, ...]) -> None:
        # Views of what XLA holds, in the order that C reads.
        arrays = [np.asarray(operand, order="C") for operand in operands]
        named = dict(zip(what.inputs, arrays, strict=True))
        logits = named["logits"]
        mapped = logits.ndim - 1 - what.row_axes
        self.slices = np.broadcast_shapes(*(array.shape[:mapped] for array in arrays))
        self.lead = self.slices + logits.shape[mapped:-1]
        self.rows = math.prod(logits.shape[mapped:-1])
        self.classes = logits.shape[-1]
        self.count = math.prod(self.slices)
        step = named.get("step")
        # Rows that neither need each other nor a step of their own are one batch.
        self.is_one_batch = not what.depends_on_other_rows and (step is None or step.size == 2)
        self.steps = step.shape[:mapped] if step is not None else (1,) * mapped
        self.inputs: dict[str, AnyArray] = {}
        for name, array in named.items():
            if name in _FOR_ALL_ROWS and self.is_one_batch:
                self.inputs[name] = array.reshape(1, *array.shape[mapped:])
                continue
            whole = self.slices + array.shape[mapped:]
            if whole != array.shape:
                array = np.broadcast_to(array, whole)
            # Copies what was broadcast, and nothing else.
            per_row = 0 if name in _FOR_ALL_ROWS else what.row_axes
            own = array.shape[mapped + per_row :]
            between = () if name in _FOR_ALL_ROWS else (self.rows,)
            self.inputs[name] = np.ascontiguousarray(array.reshape(self.count, *between, *own))
        if self.is_one_batch:
            self.rows *= self.count
            self.count = 1
            for name, array in self.inputs.items():
                if name not in _FOR_ALL_ROWS:
                    self.inputs[name] = array.reshape(1, self.rows, *array.shape[2:])

    def first_rows(self) -> Iterator[int]:
        """The number of each slice's first row."""
        if self.is_one_batch:
            return iter((0,))
        return first_rows(self.slices, self.steps, self.rows)

    def outputs(self, names: tuple[str, ...]) -> dict[str, AnyArray]:
        """Where each slice's outputs are to be written."""
        logits = self.inputs["logits"]
        found = {}
        for name in names:
            if name == "threshold":
                found[name] = np.empty(self.count, self.inputs[name].dtype)
            else:
                shape = self.count, self.rows, self.classes
                found[name] = np.empty(shape[:2] if name == "values" else shape, logits.dtype)
        return found

    def in_shape(self, name: str, array: AnyArray) -> AnyArray:
        """An output as the program expects it."""
        if name == "threshold":
            return array.reshape(self.slices)
        return array.reshape(self.lead if name == "values" else (*self.lead, self.classes))


def _evaluate_slice(
    what: Call, inputs: dict[str, AnyArray], outputs: dict[str, AnyArray], first_row: int
) -> float:
    """One call of the library. Gives the new threshold."""
    logits = inputs["logits"]
    code = view("logits", logits)[1]
    assert code is not None
    batch = _abi.batch(BATCH_SIZE, *logits.shape, code)
    batch.logits = address(logits)
    if "multi_label_logits" in inputs:
        batch.multi_label_logits = address(inputs["multi_label_logits"])
    if "soft_labels" in inputs:
        batch.soft_labels = address(inputs["soft_labels"])
    if "labels" in inputs:
        labels = inputs["labels"]
        batch.label_type, batch.labels = LABEL_CODES[labels.dtype], address(labels)
    if "noise" in inputs:
        batch.noise = address(inputs["noise"])
    if "step" in inputs:
        high, low = inputs["step"]
        batch.step = int(high) << 32 | int(low)
    batch.first_row = first_row
    result = _abi.result(RESULT_SIZE)
    if "values" in outputs:
        result.row_values = address(outputs["values"])
    if "gradient" in outputs:
        result.gradient = address(outputs["gradient"])
    if "multi_label_gradient" in outputs:
        result.multi_label_gradient = address(outputs["multi_label_gradient"])

    if "upstream" in inputs or what.gradient_scale != 1:
        given = inputs.get("upstream", np.ones(logits.shape[0]))
        upstream = given.astype(np.float64) * what.gradient_scale
        if not np.isfinite(upstream).all():  # as the chain rule has it, and no error
            outputs["gradient"][...] = np.nan
            return 0.0
        batch.upstream = address(upstream)
    if "threshold" in inputs:
        result.threshold = float(inputs["threshold"])
    call(what.loss, batch, result)
    return float(result.threshold)


def run(what: Call, *operands: Any) -> tuple[AnyArray, ...]:
    """Evaluates a call.

    Args:
        what: The call.
        operands: Its inputs, in order, as anything that NumPy can see.

    Returns:
        Its outputs, in order.

    Raises:
        TopKLossError: A label or a noise value is wrong; the message says which.
    """
    warn_of_hanging(operands)
    arrays = _Sliced(what, operands)
    outputs = arrays.outputs(what.outputs)
    if arrays.rows == 0:
        if "threshold" in outputs:  # left as it is where no row counts
            outputs["threshold"][...] = arrays.inputs["threshold"]
    else:
        for index, first_row in enumerate(arrays.first_rows()):
            threshold = _evaluate_slice(
                what,
                {name: array[index] for name, array in arrays.inputs.items()},
                {name: array[index] for name, array in outputs.items() if name != "threshold"},
                first_row,
            )
            if "threshold" in outputs:
                outputs["threshold"][index] = threshold
    return tuple(arrays.in_shape(name, array) for name, array in outputs.items())

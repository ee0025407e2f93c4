"""One evaluation: arrays to structs, the call, the answer back."""

from __future__ import annotations

import math
from ctypes import byref, sizeof
from typing import Any, TypeAlias

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arrays import (
    FLOAT_CODES,
    LABEL_CODES,
    AnyArray,
    bfloat16_bits,
    element_stride,
    flat_rows,
    label_vector,
    noise_block,
    numbers,
    row_numbers,
    scores,
    view,
)
from topkloss._handle import Handle
from topkloss._library import check, library
from topkloss._output import Output, empty
from topkloss.errors import TopKLossError

Value: TypeAlias = float | AnyArray

BATCH_SIZE = sizeof(_abi.batch)
RESULT_SIZE = sizeof(_abi.result)
_evaluate = library.topkloss_evaluate


class Batch(_abi.batch):
    """A batch, with the shape of what it was made from.

    Attributes:
        lead: The axes of its rows: the shape of the scores without the classes, of labels, weights
            and values.
    """

    lead: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the scores, and so of the gradient."""
        return *self.lead, int(self.classes)


def call(owner: Handle, batch: _abi.batch, result: _abi.result) -> float:
    """Calls the library, which lets other Python threads run meanwhile."""
    if owner._watch is not None:
        owner._watch.look(batch)
    status = _evaluate(owner._handle, byref(batch), byref(result))
    if status:
        check(status, None, **owner._names)
    value: float = result.value
    return value


def noise_dtype(code: int) -> Any:
    """The type that the arithmetic is in, and so the type of noise: float64 for float64 only."""
    return np.float64 if code == _abi.TOPKLOSS_FLOAT64 else np.float32


def evaluate_plain(
    owner: Handle, logits: Any, labels: Any, out: Any, step: int
) -> tuple[float, AnyArray] | None:
    """The value and the gradient for contiguous NumPy arrays; None for any others.

    What `evaluate` does for the usual arguments, in few steps: a small batch takes less time than
    they do, and after other work has had the processor's caches, each waits for memory.
    """
    if type(logits) is not np.ndarray or type(labels) is not np.ndarray:
        return None
    code = FLOAT_CODES.get(logits.dtype)
    label_type = LABEL_CODES.get(labels.dtype)
    shape = logits.shape
    lead = shape[:-1]
    if code is None or label_type is None or not shape or labels.shape != lead:
        return None
    flags = logits.flags
    if not (flags.c_contiguous and labels.flags.c_contiguous):
        return None
    start = address(logits)
    if out is None:
        out = np.empty(shape, logits.dtype)
        target = address(out)
    elif out is logits:
        if not flags.writeable:
            return None
        target = start
    else:
        if type(out) is not np.ndarray or out.dtype is not logits.dtype or out.shape != shape:
            return None
        flags = out.flags
        if not (flags.c_contiguous and flags.writeable):
            return None
        target = address(out)
    rows = shape[0] if len(shape) == 2 else math.prod(lead)
    batch = _abi.batch(BATCH_SIZE, rows, shape[-1], code, label_type, start, 0, address(labels))
    if step:
        batch.step = step
    result = _abi.result(RESULT_SIZE, 0.0, 0.0, None, target, 0)
    return call(owner, batch, result), out


def describe(name: str, value: Any) -> tuple[Batch, AnyArray]:
    """A batch of these scores, and the matrix that it points to, to be kept until the call is over.

    As are the arrays that the functions below return. The matrix has all rows of the scores.
    """
    array, dtype = scores(name, value)
    matrix = flat_rows(array)
    batch = Batch(BATCH_SIZE, *matrix.shape, dtype)
    batch.lead = array.shape[:-1]
    batch.logits = address(matrix)
    batch.logits_row_stride = element_stride(matrix, 0)
    return batch, matrix


def add_labels(batch: Batch, labels: Any) -> AnyArray:
    """Gives a batch its labels."""
    indices, batch.label_type = label_vector("labels", labels, batch.lead)
    batch.labels = address(indices)
    return indices


def add_targets(batch: Batch, labels: Any, rows: AnyArray) -> AnyArray:
    """Gives a batch its labels: soft ones, if they are numbers with a fraction for every class.

    Soft labels go to the library in the dtype of the scores, rounded to it if they have another.
    """
    array, code = view("labels", labels)
    if code is None and array.dtype.kind != "f":
        return add_labels(batch, labels)
    if array.shape != batch.shape:
        raise TopKLossError(
            f"labels has dtype {array.dtype} and shape {array.shape}; class indices must be "
            f"integers, and soft labels have the shape of the scores, {batch.shape}",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if code != batch.dtype:
        array = numbers("labels", labels)
        array = bfloat16_bits(array) if rows.dtype == np.uint16 else array.astype(rows.dtype)
    matrix = flat_rows(array)
    batch.soft_labels = address(matrix)
    batch.soft_labels_row_stride = element_stride(matrix, 0)
    return matrix


def refuse_negative_weight(least: float) -> None:
    """As scikit-learn's estimators, XGBoost and LightGBM do, of the least weight of a batch.

    The mean divides by the sum of the weights, and without its lower bound 0 a loss has no minimum.
    """
    if least < 0:
        raise TopKLossError(
            f"sample_weight has the value {least}; weights must be 0 or more. For factors of any "
            'sign (advantages, say) multiply the values of reduction="none"',
            "TOPKLOSS_ERROR_OPTION",
        )


def add_sample_weight(batch: Batch, sample_weight: Any) -> AnyArray | None:
    """Gives a batch its weights, if there are any."""
    if sample_weight is None:
        return None
    weights = row_numbers("sample_weight", sample_weight, batch.lead)
    if weights.size:
        refuse_negative_weight(weights.min())
    batch.sample_weight = address(weights)
    return weights


def add_noise(batch: Batch, noise: Any, n_samples: int) -> AnyArray | None:
    """Gives a batch noise of the caller's, if there is any."""
    if noise is None:
        return None
    shape = (*batch.lead, n_samples, batch.classes)
    block = noise_block("noise", noise, shape, noise_dtype(batch.dtype))
    batch.noise = address(block)
    batch.noise_row_stride = element_stride(block, 0)
    batch.noise_sample_stride = element_stride(block, 1)
    return block


def add_row_values(result: _abi.result, batch: Batch, rows: AnyArray) -> AnyArray:
    """Room for one value a row, of the dtype of the scores."""
    values = empty(batch.lead, rows, batch.dtype)
    result.row_values = address(values)
    return values


def add_gradient(result: _abi.result, batch: Batch, rows: AnyArray, out: Any) -> Output:
    """Room for the gradient: the caller's, or new."""
    output = Output("out", out, rows, batch.dtype, batch.shape)
    result.gradient = address(output.buffer)
    result.gradient_row_stride = element_stride(output.buffer, 0)
    return output


def evaluate(
    owner: Handle,
    logits: Any,
    labels: Any,
    sample_weight: Any,
    *,
    row_values: bool,
    gradient: bool,
    out: Any = None,
    noise: Any = None,
    n_samples: int = 0,
    step: int = 0,
) -> tuple[Value, Any]:
    """The value, or one a row, and the gradient (None if it is not wanted)."""
    if gradient and sample_weight is None and noise is None and not row_values:
        plain = evaluate_plain(owner, logits, labels, out, step)
        if plain is not None:
            return plain

    batch, rows = describe("logits", logits)
    batch.step = step
    result = _abi.result(RESULT_SIZE)
    # Locals keep every array alive until the call has ended.
    _kept = (
        add_targets(batch, labels, rows),
        add_sample_weight(batch, sample_weight),
        add_noise(batch, noise, n_samples),
    )
    values = add_row_values(result, batch, rows) if row_values else None
    output = add_gradient(result, batch, rows, out) if gradient else None
    value: Value = call(owner, batch, result)
    if values is not None:
        value = values
    if output is None:
        return value, None
    output.finish()
    return value, output.target

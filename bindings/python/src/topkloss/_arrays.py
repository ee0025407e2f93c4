"""Arrays in: whatever NumPy or DLPack can see becomes an array that C can read, if need be a copy.

Scores go to the library as they are, without a copy, when their classes lie one after another and
their rows at one distance, whatever axes these have.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from topkloss import _abi
from topkloss._dlpack import from_dlpack
from topkloss._missing import column_array, refuse_mask
from topkloss.errors import TopKLossError


class SupportsDLPack(Protocol):
    """A tensor of another framework."""

    def __dlpack__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Exports the tensor as a capsule."""

    def __dlpack_device__(self) -> Any:
        """Names the device that the tensor lies on."""


Array: TypeAlias = npt.ArrayLike | SupportsDLPack
AnyArray: TypeAlias = npt.NDArray[Any]
FloatVector: TypeAlias = npt.NDArray[np.float64]

FLOAT_CODES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): _abi.TOPKLOSS_FLOAT32,
    np.dtype(np.float64): _abi.TOPKLOSS_FLOAT64,
    np.dtype(np.float16): _abi.TOPKLOSS_FLOAT16,
}
LABEL_CODES: dict[np.dtype[Any], int] = {
    np.dtype(np.int64): _abi.TOPKLOSS_INT64,
    np.dtype(np.int32): _abi.TOPKLOSS_INT32,
}
_LARGEST_LABEL = np.iinfo(np.int64).max


def view(name: str, value: Any) -> tuple[AnyArray, int | None]:
    """An array over the value's own memory where it has some, and the code if C knows its floats.

    bfloat16 without the package ml_dtypes is an array of uint16 with the code of bfloat16.
    """
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__dlpack__"):
            array, is_bfloat16 = from_dlpack(name, value)
            return array, _abi.TOPKLOSS_BFLOAT16 if is_bfloat16 else FLOAT_CODES.get(array.dtype)
        try:
            value = column_array(name, value)
        except TopKLossError:
            raise
        except Exception as error:  # of code that is not ours
            raise TopKLossError(
                f"{name} cannot be read as an array: {error}", "TOPKLOSS_ERROR_ENUMERATOR"
            ) from error
    elif type(value) is not np.ndarray:
        refuse_mask(name, value)
        value = np.asarray(value)  # what subclasses say of themselves need not be so
    code = FLOAT_CODES.get(value.dtype)
    # The bfloat16 of ml_dtypes is known by its name, so that the package need not be imported.
    if code is None and value.dtype.itemsize == 2 and value.dtype.name == "bfloat16":
        code = _abi.TOPKLOSS_BFLOAT16
    return value, code


def numbers(name: str, value: Any) -> AnyArray:
    """An array of real numbers of any shape and NumPy dtype; bfloat16 is widened to float32."""
    array, code = view(name, value)
    if code == _abi.TOPKLOSS_BFLOAT16:
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind not in "iufb":
        raise TopKLossError(
            f"{name} has dtype {array.dtype}{_kind(array, value)}; it must hold real numbers",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    return array


def bfloat16_bits(array: AnyArray) -> AnyArray:
    """The numbers rounded to bfloat16, the nearest even, as its bits."""
    bits = array.astype(np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(array), np.uint16(0x7FC0), rounded)


def _kind(array: AnyArray, value: Any) -> str:
    """What a value is that NumPy can only see as an object, for messages."""
    return f" (a {type(value).__name__})" if array.dtype == object and array.ndim == 0 else ""


def _has_usable_strides(array: AnyArray) -> bool:
    """Whether C can walk the array: unit stride along the last axis, whole ones along the others.

    To C a stride of 0 means contiguous, so rows that NumPy repeats by a stride of 0 are not usable.
    """
    *sizes, classes = array.shape
    *strides, class_stride = array.strides
    return (classes <= 1 or class_stride == array.itemsize) and all(
        size <= 1 or (stride != 0 and stride % array.itemsize == 0)
        for size, stride in zip(sizes, strides, strict=True)
    )


def element_stride(array: AnyArray, axis: int) -> int:
    """Elements from one index of an axis to the next as C wants it: 0 for contiguous."""
    if array.flags.c_contiguous or array.shape[axis] <= 1:
        return 0
    return int(array.strides[axis]) // array.itemsize


def readable(array: AnyArray) -> AnyArray:
    """The array itself if C can walk it, else a contiguous copy."""
    if array.flags.c_contiguous or _has_usable_strides(array):
        return array
    return np.ascontiguousarray(array)


def flat_rows(array: AnyArray) -> AnyArray:
    """All rows as those of one matrix that C can walk: a copy unless they lie at one distance."""
    *lead, classes = array.shape
    return readable(array.reshape(math.prod(lead), classes))


def scores(name: str, value: Any) -> tuple[AnyArray, int]:
    """Scores of any number of rows, (..., C), and the code of their element type."""
    array, code = view(name, value)
    if code is None:
        native = array.dtype.newbyteorder("=")
        code = FLOAT_CODES.get(native)
        if code is None:
            swapped = "; labels come after the scores" if array.dtype.kind in "iu" else ""
            raise TopKLossError(
                f"{name} has dtype {array.dtype}{_kind(array, value)}; it must be float32, "
                f"float64, float16 or bfloat16{swapped}",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
        array = array.astype(native)
    if array.ndim == 0:
        raise TopKLossError(
            f"{name} has shape (); its last axis must be that of the classes", "TOPKLOSS_ERROR_SIZE"
        )
    return array, code


def _require_shape(name: str, array: AnyArray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise TopKLossError(
            f"{name} has shape {array.shape}; with {math.prod(shape)} rows of scores, of shape "
            f"{(*shape, '...')}, it must be {shape}".replace("'...'", "C"),
            "TOPKLOSS_ERROR_SIZE",
        )


def label_vector(name: str, value: Any, lead: tuple[int, ...]) -> tuple[AnyArray, int]:
    """One class index for each row, contiguous, and the code of their type."""
    array = view(name, value)[0]
    code = LABEL_CODES.get(array.dtype)
    if code is None:
        if array.dtype.kind not in "iu":
            by_name = array.dtype.kind in "OUST" and array.ndim
            hint = ": np.unique(..., return_inverse=True) numbers classes" if by_name else ""
            raise TopKLossError(
                f"{name} has dtype {array.dtype}; class indices must be integers{hint}",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
        # Beyond int64 a label would wrap around to a negative one, perhaps to the ignored one.
        if array.dtype.kind == "u" and array.size and int(array.max()) > _LARGEST_LABEL:
            raise TopKLossError(
                f"{name} has the value {array.max()}; it must be less than the number of classes",
                "TOPKLOSS_ERROR_LABEL",
            )
        array, code = array.astype(np.int64), _abi.TOPKLOSS_INT64
    _require_shape(name, array, lead)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array), code


def row_numbers(name: str, value: Any, lead: tuple[int, ...]) -> FloatVector:
    """One float64 for each row, contiguous."""
    array = numbers(name, value)
    _require_shape(name, array, lead)
    return np.ascontiguousarray(array, dtype=np.float64)


def noise_block(name: str, value: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
    """Noise of the shape (..., S, C), as rows x samples x classes that C can read, in the dtype."""
    array = numbers(name, value)
    if array.shape != shape:
        raise TopKLossError(
            f"{name} has shape {array.shape}; with so many rows, samples and classes it must be "
            f"{shape}",
            "TOPKLOSS_ERROR_SIZE",
        )
    *lead, samples, classes = shape
    rows = np.asarray(array, dtype=dtype).reshape(math.prod(lead), samples, classes)
    return readable(rows)

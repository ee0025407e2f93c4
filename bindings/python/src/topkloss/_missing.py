"""Values that may be missing: refused where some are, where NumPy would make up numbers for them.

NumPy drops masks in silence, and takes what is missing from a column of pandas, Arrow or polars
for NaN. None of these packages is imported: they are known by what their objects have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from topkloss.errors import TopKLossError

_DEEPEST = 64
"""The most axes of a NumPy array, and so the deepest that lists of lists can be."""


def _has_mask(value: Any, depth: int = 0) -> bool:
    if isinstance(value, np.ndarray):
        return type(value) is not np.ndarray and hasattr(value, "mask")
    if not isinstance(value, (list, tuple)) or depth > _DEEPEST:
        return False
    # Few kinds, however many elements.
    deeper = tuple(k for k in set(map(type, value)) if issubclass(k, (np.ndarray, list, tuple)))
    return bool(deeper) and any(
        _has_mask(each, depth + 1) for each in value if isinstance(each, deeper)
    )


def refuse_mask(name: str, value: Any) -> None:
    """Refuses an array with a mask, NumPy's or another's, by itself or in a list."""
    if _has_mask(value):
        raise TopKLossError(
            f"{name} is a masked array, whose mask would be lost: say what the masked elements "
            f"are, as in {name}.filled(-np.inf) for scores of classes that are not there, or "
            f"{name}.filled(-100) for labels to be ignored",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )


def _nulls(value: Any) -> int:
    """How many values are missing, of columns of Arrow (a number) and polars (a function)."""
    columns = getattr(value, "itercolumns", None)
    if columns is not None and hasattr(value, "column_names"):  # a table of Arrow's
        return sum(map(_nulls, columns()))
    found = getattr(value, "null_count", 0)
    return int(np.asarray(found() if callable(found) else found).sum())


def column_array(name: str, value: Any) -> Any:
    """What NumPy makes of a value that is no array yet, by way of its columns' own types.

    pandas says which NumPy type each of its own types corresponds to; without being told, NumPy
    takes several such columns for objects.
    """
    refuse_mask(name, value)
    kinds: Any = getattr(value, "dtypes", getattr(value, "dtype", None))
    kinds = list(kinds) if hasattr(kinds, "__iter__") else [kinds]
    native = [getattr(kind, "numpy_dtype", kind) for kind in kinds]
    is_nullable = any(hasattr(kind, "numpy_dtype") for kind in kinds)
    missing = int(np.asarray(value.isna()).sum()) if is_nullable else _nulls(value)
    if missing:
        raise TopKLossError(
            f"{name} has missing values, {missing} in all: leave their rows out, or fill them in "
            "(labels with ignore_index, say)",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if is_nullable and all(isinstance(k, np.dtype) and k.kind in "iufb" for k in native):
        return np.asarray(value, dtype=np.result_type(*native))
    return np.asarray(value)

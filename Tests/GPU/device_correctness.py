"""Whether a device computes every loss of the registry, in every type, as its formulation says.

The tests of the emulated device (test_library.py) on a device that may be real; device_check.py
runs this. What is wrong is a line of the report, and the next loss is tried.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

import test_library
from test_library import CASES, LIMIT, SHAPES, Case  # type: ignore[attr-defined]

LONG = (16, 1000)
"""A row that a block shares, beside the tests' own short ones."""


def _try(case: Case, dtype: str, shape: tuple[int, int]) -> str:
    """What is wrong; empty if nothing is."""
    first, expected, _ = test_library.run(case, dtype, shape, 1)
    second, _, _ = test_library.run(case, dtype, shape, 4)
    test_library.close(first, expected, dtype, case.looser)
    same = [
        np.array_equal(left, right, equal_nan=True)
        for left, right in (
            (first.gradient, second.gradient),
            (first.second_gradient, second.second_gradient),
            (first.row_values, second.row_values),
        )
        if left is not None and right is not None
    ]
    return "" if all(same) else "in place and not, or int32 labels and int64, differ"


def correctness(*, few: bool) -> dict[str, Any]:
    """Of every loss and type, or of few: what was tried, and what was wrong."""
    wrong: dict[str, str] = {}
    tried = 0
    started = time.perf_counter()
    cases = CASES[1:12:5] if few else CASES
    for case in cases:
        for dtype in ("bfloat16",) if few else tuple(LIMIT):
            for shape in SHAPES[1:2] if few else (*SHAPES, LONG):
                if not test_library.supported(case, shape[1]):
                    continue
                tried += 1
                name = f"{case.name}, {dtype}, {shape[0]} x {shape[1]}"
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        found = _try(case, dtype, shape)
                except (AssertionError, RuntimeError) as error:
                    found = str(error) or type(error).__name__
                if found:
                    wrong[name] = found[:300]
    return {"tried": tried, "wrong": wrong, "seconds": time.perf_counter() - started}


def compilations() -> dict[str, Any]:
    """Seconds that the driver takes to compile each family of kernels, without its cache."""
    import ctypes

    from device import PTX
    from library import current, driver

    out = {}
    for file in sorted(PTX.glob("*.ptx")):
        image = file.read_bytes() + b"\0"
        with current():
            module = ctypes.c_void_p()
            started = time.perf_counter()
            failed = driver().cuModuleLoadData(ctypes.byref(module), image)
            seconds = time.perf_counter() - started
            if not failed:
                driver().cuModuleUnload(module)
        out[file.stem] = f"error {failed}" if failed else round(seconds, 4)
    return {"seconds": out, "wrong": {k: v for k, v in out.items() if isinstance(v, str)}}

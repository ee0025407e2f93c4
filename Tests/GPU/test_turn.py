"""The PTX that copies strided rows into rows of elements one after another, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from call import CONSTANTS, TYPES
from device import ORDERS, PTX, Module, guarded

MODULE = Module(PTX / "turn.ptx")
SHARED_BYTES = CONSTANTS["TOPK_DEVICE_TURN_BYTES"]
Numbers = npt.NDArray[Any]


def turn(
    strided: Numbers, plain: Numbers, *, back: bool, threads: int = 64, order: int = 0
) -> None:
    """Copies between an array of groups, rows and classes and one of rows and classes."""
    groups, rows, classes = strided.shape
    bytes_of_element = strided.itemsize
    strides = [stride // bytes_of_element for stride in strided.strides]
    source, target = (plain, strided) if back else (strided, plain)
    parameter = TYPES["DeviceTurn"](
        source=source.ctypes.data,
        target=target.ctypes.data,
        is_back=back,
        rows=groups * rows,
        classes=classes,
    )
    parameter.layout.rows_per_group = rows
    parameter.layout.group_stride, parameter.layout.row_stride = strides[:2]
    parameter.layout.class_stride = strides[2]
    MODULE.launch(
        f"topk_turn_{bytes_of_element}",
        parameter,
        blocks=2,
        threads=threads,
        shared_bytes=SHARED_BYTES,
        order=order,
    )


def matrix(layout: str, shape: tuple[int, int, int], dtype: Any) -> tuple[Numbers, Numbers]:
    """Memory, all of it different numbers, and a matrix of groups, rows and classes in it."""
    groups, rows, classes = shape
    sizes = {
        "images": (groups, classes, rows),
        "rows": (groups, rows, 2 * classes),
        "rows_first": (rows, groups, classes + 1),
        "backwards": (groups, classes + 2, rows + 1),
    }
    memory = guarded(np.arange(np.prod(sizes[layout])).astype(dtype).reshape(sizes[layout]))
    views = {
        "images": lambda: memory.transpose(0, 2, 1),
        "rows": lambda: memory[:, :, 1::2],
        "rows_first": lambda: memory.transpose(1, 0, 2)[:, :, 1:],
        "backwards": lambda: memory.transpose(0, 2, 1)[::-1, :0:-1, 2:],
    }
    return memory, views[layout]()


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("layout", ["images", "rows", "rows_first", "backwards"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 49, 33), (2, 5, 100), (1, 64, 32)])
@pytest.mark.parametrize("threads", [32, 256])
def test_there_and_back(dtype: Any, layout: str, shape: tuple[int, int, int], threads: int) -> None:
    memory, strided = matrix(layout, shape, dtype)
    plain = guarded(np.zeros((shape[0] * shape[1], shape[2]), dtype))
    turn(strided, plain, back=False, threads=threads)
    np.testing.assert_array_equal(plain, strided.reshape(plain.shape))
    expected = np.zeros_like(memory)
    places = matrix(layout, shape, np.uint32)[1]
    expected.reshape(-1)[places.reshape(-1)] = plain.reshape(-1)
    memory[...] = 0
    turn(strided, plain, back=True, threads=threads)
    np.testing.assert_array_equal(memory, expected)


@pytest.mark.parametrize("back", [False, True])
def test_every_order_leaves_the_same_bytes(back: bool) -> None:
    results = set()
    for order in ORDERS:
        memory, strided = matrix("images", (2, 40, 50), np.uint16)
        plain = guarded(np.arange(4000).astype(np.uint16)[::-1].reshape(80, 50))
        turn(strided, plain, back=back, threads=96, order=order)
        results.add((memory if back else plain).tobytes())
    assert len(results) == 1

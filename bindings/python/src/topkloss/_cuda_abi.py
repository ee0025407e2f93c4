"""The C interface in ctypes: structs and prototypes of topkloss_cuda.h.

Generated from the header by ``python -m abi``, as `topkloss._abi` is: change that, not this.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_double, c_int32, c_int64, c_size_t, c_void_p
from typing import Any, ClassVar

from topkloss import _abi

_Fields = list[tuple[str, Any]]


class cuda_memory(ctypes.Structure):
    """Device memory that a loss and a call take."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("constants", c_size_t),
        ("workspace", c_size_t),
    ]


class cuda_outcome(ctypes.Structure):
    """What a call found, in device memory, aligned to 8 bytes."""

    _fields_: ClassVar[_Fields] = [
        ("value", c_double),
        ("total_weight", c_double),
        ("threshold", c_double),
        ("fault", c_int64),
        ("row", c_int64),
        ("label", c_int64),
    ]


class cuda_launch(ctypes.Structure):
    """Where a call runs, and in which device memory."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("stream", c_void_p),
        ("constants", c_void_p),
        ("workspace", c_void_p),
        ("workspace_bytes", c_size_t),
        ("outcome", POINTER(cuda_outcome)),
    ]


# Result type and argument types of every function.
Prototype = tuple[Any, list[Any]]

PROTOTYPES: dict[str, Prototype] = {
    "topkloss_cuda_devices": (_abi.status, [c_void_p]),
    "topkloss_cuda_needs": (
        _abi.status,
        [_abi.loss_p, POINTER(_abi.batch), POINTER(_abi.result), POINTER(cuda_memory)],
    ),
    "topkloss_cuda_constants": (_abi.status, [_abi.loss_p, c_void_p, c_size_t]),
    "topkloss_cuda_prepare": (_abi.status, [_abi.loss_p, c_int32]),
    "topkloss_cuda_evaluate": (
        _abi.status,
        [_abi.loss_p, POINTER(_abi.batch), POINTER(_abi.result), POINTER(cuda_launch)],
    ),
    "topkloss_cuda_check": (_abi.status, [POINTER(cuda_outcome), c_int64]),
    "topkloss_cuda_topk_accuracy": (
        _abi.status,
        [POINTER(_abi.topk_accuracy_options), POINTER(_abi.batch), POINTER(cuda_launch)],
    ),
    "topkloss_cuda_logit_adjust": (
        _abi.status,
        [c_void_p, POINTER(_abi.batch), c_void_p, c_int64, c_void_p],
    ),
}

"""Top-K accuracy and logit adjustment through libtopkloss_cuda.so, on a device that is played."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
import topkloss
from topkloss import _abi

from library import DTYPES, Block, Launch, Memory, Outcome, check, cuda
from test_library import LIMIT, loaded, stored


@pytest.mark.parametrize("dtype", LIMIT)
def test_accuracy_and_adjustment(dtype: str) -> None:
    rng = np.random.default_rng(5)
    arguments: tuple[Any, ...]
    rows, classes = 40, 37
    scores = stored(rng.standard_normal((rows, classes)), dtype)
    labels = rng.integers(classes, size=rows)
    labels[:3] = -100
    weight = rng.uniform(0.1, 2, rows)
    plain = loaded(scores, dtype)
    matrix, memory = Block(scores), Memory(ctypes.sizeof(Memory))
    batch = _abi.batch(ctypes.sizeof(_abi.batch), rows, classes, DTYPES[dtype], 0, matrix.address)
    batch.labels, batch.sample_weight = Block(labels).address, Block(weight).address
    check(cuda().topkloss_cuda_needs(None, ctypes.byref(batch), None, ctypes.byref(memory)))
    outcome, workspace = Block(ctypes.sizeof(Outcome)), Block(memory.workspace)
    launch = Launch(
        ctypes.sizeof(Launch), None, None, workspace.address, memory.workspace, outcome.address
    )
    for k in (1, 5, 100):
        options = _abi.topk_accuracy_options(ctypes.sizeof(_abi.topk_accuracy_options), k, -100)
        check(
            cuda().topkloss_cuda_topk_accuracy(
                ctypes.byref(options), ctypes.byref(batch), ctypes.byref(launch)
            )
        )
        found = Outcome.from_buffer_copy(
            outcome.read(np.zeros(ctypes.sizeof(Outcome), np.uint8)).tobytes()
        )
        expected = topkloss.metrics.topk_accuracy(plain, labels, k, sample_weight=weight)
        assert abs(found.value - expected) < 1e-12
        options.average = 1
        arguments = (ctypes.byref(options), ctypes.byref(batch), ctypes.byref(launch))
        assert cuda().topkloss_cuda_topk_accuracy(*arguments) == 13
    options.average, batch.labels = 0, None
    arguments = (ctypes.byref(options), ctypes.byref(batch), ctypes.byref(launch))
    assert cuda().topkloss_cuda_topk_accuracy(*arguments) == 1, "there are no labels"
    offset = rng.standard_normal(-(-classes // 4) * 4).astype(np.float32)
    given = Block(offset)
    for place in (Block(scores.nbytes), matrix):
        arguments = (
            ctypes.c_void_p(given.address),
            ctypes.byref(batch),
            ctypes.c_void_p(place.address),
        )
        check(cuda().topkloss_cuda_logit_adjust(*arguments, ctypes.c_int64(0), None))
        sums = plain.astype(np.float32) + offset[:classes]
        assert place.read(scores).tobytes() == stored(sums, dtype).tobytes()
    askew = ctypes.c_void_p(matrix.address + 16)
    arguments = (ctypes.c_void_p(given.address), ctypes.byref(batch), askew)
    assert cuda().topkloss_cuda_logit_adjust(*arguments, ctypes.c_int64(0), None) == 9
    arguments = (*arguments[:2], ctypes.c_void_p(Block(scores.nbytes).address))
    for stride in (classes - 1, 1 - classes, 1 << 58, -(1 << 63)):
        assert cuda().topkloss_cuda_logit_adjust(*arguments, ctypes.c_int64(stride), None) == 3
    host = (arguments[0], arguments[1], labels.ctypes.data_as(ctypes.c_void_p))
    assert cuda().topkloss_cuda_logit_adjust(*host, ctypes.c_int64(0), None) == 12
    batch.classes = 1 << 31
    assert cuda().topkloss_cuda_logit_adjust(*arguments, ctypes.c_int64(0), None) == 13

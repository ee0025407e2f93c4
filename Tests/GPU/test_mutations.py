"""Barriers and shuffles left out show: some of them; with TOPKLOSS_GPU_TESTS=all, all of them."""

from __future__ import annotations

import ctypes
import os
import warnings
from typing import Any

import numpy as np
import pytest

import mutations
from call import CONSTANTS, Call, Outcome, Partial
from device import PTX, LaunchError, Module, guarded, unwritten

SEED = int(os.environ.get("SEED", "0"))
CASES: list[Any] = mutations.cases()
EVERYTHING = os.environ.get("TOPKLOSS_GPU_TESTS") == "all"


def _survivors(cases: list[Any], only: str, count: int | None) -> tuple[list[Any], int]:
    dtypes = ("float32", "float16", "bfloat16") if EVERYTHING else ("float32",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mutations.survivors(
            cases, dtypes, count=None if EVERYTHING else count, seed=SEED, only=only
        )


def test_every_barrier_of_a_softmax_row_shows() -> None:
    case = next(case for case in CASES if case.name == "logit_adjusted")
    found, tried = _survivors([case], "bar.sync", None)
    assert tried >= 8
    assert not found


# Of other kernels not every barrier: a reduction's last one does not show where the kernel's own
# comes next, nor do those for which it would take more samples or longer rows than are run here.
@pytest.mark.parametrize(("only", "least"), [("bar.sync", 0.5), ("shfl.sync", 0.8)])
def test_what_is_left_out_shows(only: str, least: float) -> None:
    cases = [case for case in CASES if mutations.is_supported(case)]
    if not EVERYTHING:
        cases = [case for case in cases if case.name == "logit_adjusted"]
    found, tried = _survivors(cases, only, 6)
    assert tried
    assert len(found) <= (1 - least) * tried, found


def _batch(module: Module, order: int, **options: Any) -> bytes:
    """A batch of which every part has its own weight, and rows that are bad in their own way."""
    rows, rng = 5000, np.random.default_rng(0)
    labels, weight = rng.integers(-3, 12, rows), rng.uniform(1, 2, rows)
    upstream = rng.uniform(1, 2, rows)
    weight[rng.random(rows) < 0.1] = np.inf
    upstream[rng.random(rows) < 0.1] = np.nan
    losses = rng.uniform(0, 1, rows)
    losses[rng.random(rows) < 0.1] = np.nan
    given = [guarded(each) for each in (labels, weight, upstream, losses)]
    written = [
        unwritten(ctypes.sizeof(Partial) * CONSTANTS["TOPK_DEVICE_PARTIALS"], np.uint8),
        unwritten(ctypes.sizeof(Outcome), np.uint8),
        unwritten(rows, np.float32),
    ]
    call = Call(rows=rows, classes=10, is_mean=1, upstream_is_per_row=1, check_finite=1)
    call.labels, call.sample_weight, call.upstream, call.row_losses = (
        each.ctypes.data for each in given
    )
    call.partials, call.outcome, call.row_values = (each.ctypes.data for each in written)
    shared = CONSTANTS["TOPK_DEVICE_REDUCTION_BYTES"]
    for kernel, blocks, threads in (
        ("topk_begin", CONSTANTS["TOPK_DEVICE_PARTIALS"], 64),
        ("topk_end", 1, 544),
    ):
        module.launch(
            kernel,
            call,
            blocks=blocks,
            threads=threads,
            shared_bytes=shared,
            order=order,
            **options,
        )
    return b"".join(each.tobytes() for each in written)


def test_barriers_of_a_batch() -> None:
    module = Module(PTX / "batch.ptx")
    lines = (ctypes.c_uint8 * (module.text.count("\n") + 2))()
    right = {order: _batch(module, order, reached=lines) for order in mutations.ORDERS}
    assert len(set(right.values())) == 1

    def shows(line: int) -> bool:
        try:
            return any(_batch(module, order, without=line) != right[order] for order in right)
        except LaunchError:
            return True

    mutants = [
        each
        for each in mutations.collectives("batch")
        if each.text.startswith("bar") and lines[each.line] >= each.has_to_show
    ]
    assert len(mutants) > 5
    assert not [each for each in mutants if not shows(each.line)]

"""Kernels as their PTX and as their source: the same bytes, and the same barriers and shuffles.

The source is compiled anew, for minutes: with TOPKLOSS_GPU_TESTS=all alone, but for the kernels
that every call begins and ends with.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import source
from call import CONSTANTS
from device import PTX, Module
from evaluation import Batch, Step

EVERYTHING = os.environ.get("TOPKLOSS_GPU_TESTS") == "all"
SHARED = CONSTANTS["TOPK_DEVICE_REDUCTION_BYTES"]


def _batch(element: str) -> Batch:
    random = np.random.default_rng(1)
    labels = random.integers(700, size=7)
    labels[3] = -100
    weight = random.uniform(0.5, 2, 7)
    batch = Batch(4 * random.normal(size=(7, 700)), labels, element, sample_weight=weight)
    offset = batch.vector(random.normal(size=700).astype(np.float32))
    teacher = batch.vector(random.uniform(1, 9, 700))

    def describe(call: object) -> None:
        loss = call.softmax_margin  # type: ignore[attr-defined]
        loss.scale, loss.target_factor, loss.offset.numbers = 1.5, 1.0, offset
        loss.largest_offset = 4.0
        call.teacher.numbers = teacher  # type: ignore[attr-defined]

    batch.describe = describe
    return batch


@pytest.mark.parametrize(
    ("family", "kernels"),
    [
        ("batch", ["topk_begin", "topk_end"]),
        ("outlying_mse", ["topk_outlying_mse"]),
        *[
            (f"softmax_{kind}", [f"topk_softmax_margin_offset_{kind}"])
            for kind in ("f32", "f16", "bf16")
        ],
    ],
)
def test_ptx_does_what_its_source_does(family: str, kernels: list[str]) -> None:
    if family != "batch" and not EVERYTHING:
        pytest.skip("minutes: TOPKLOSS_GPU_TESTS=all")
    if not source.is_of_these_sources(family):
        pytest.skip("the PTX is of other sources, or of another compiler")
    modules = [Module(PTX / f"{family}.ptx"), source.module(family)]
    for kernel in kernels:
        element = kernel.rsplit("_", 1)[-1]
        batch = _batch(element if element in ("f16", "bf16") else "f32")
        results, traces = [], []
        for module in modules:
            blocks = CONSTANTS["TOPK_DEVICE_PARTIALS"] if kernel == "topk_begin" else 2
            step = Step(module, kernel, 1 if kernel == "topk_end" else blocks, SHARED)
            results.append(batch.run([step], threads=96, order=3).content)
            assert module.latest is not None
            traces.append(module.latest._replace(turns=0))
        assert traces[0] == traces[1]
        assert results[0] == results[1]

"""The PTX for what comes after training, against NumPy and the CPU's library."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from topkloss.metrics import topk_accuracy

from device import ORDERS, PTX, Module
from evaluation import ELEMENTS, Batch, Floats, Step, close

MODULE = Module(PTX / "after.ptx")
HITS = [Step(MODULE, "topk_topk_hits")]


def adjustment(classes: int, **options: Any) -> tuple[Batch, npt.NDArray[np.float32], list[Step]]:
    random = np.random.default_rng(classes)
    rows = 5
    batch = Batch(random.normal(size=(rows, classes)), np.zeros(rows, np.int64), **options)
    offset = random.normal(size=classes).astype(np.float32)
    address = batch.vector(offset)

    def describe(call: Any) -> None:
        call.softmax_margin.offset.numbers = address

    batch.describe = describe
    return batch, offset, [Step(MODULE, f"topk_logit_adjust_{batch.element}")]


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("classes", "threads"), [(2, 32), (101, 64), (2053, 256)])
def test_logit_adjustment(element: str, in_place: bool, classes: int, threads: int) -> None:
    batch, offset, steps = adjustment(classes, element=element, in_place=in_place, padding=3)
    batch.logits[1, 0], batch.logits[2, 1] = -np.inf, np.nan
    sums = [batch.run(steps, threads=threads, order=order).gradient for order in (0, 3)]
    single = batch.stored.astype(np.float32) + offset
    stored = single.astype(ELEMENTS[element]).astype(np.float64)
    np.testing.assert_array_equal(sums[0], stored)
    np.testing.assert_array_equal(sums[1], stored)


def hits(rows: int, classes: int, k: int, **options: Any) -> Batch:
    random = np.random.default_rng(rows)
    labels = random.integers(classes, size=rows)
    labels[1] = -100

    def describe(call: Any) -> None:
        call.smooth_topk_svm.k = k

    options = {"sample_weight": random.uniform(0.5, 2, rows), **options}
    # Of few values, so that there are ties.
    logits = random.integers(-4, 5, size=(rows, classes)).astype(float)
    return Batch(logits, labels, describe=describe, gradient=False, **options)


def among_highest(batch: Batch, k: int) -> Floats:
    """Whether fewer than K rank before the label: by sorting, NaN last."""
    found = np.zeros(len(batch.labels))
    for row, label in enumerate(batch.labels):
        order = np.argsort(-batch.stored[row], kind="stable")
        found[row] = batch.counts[row] and label in order[:k]
    return found


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize(
    ("classes", "k", "threads"), [(2, 1, 32), (17, 3, 64), (700, 90, 128), (9, 9, 32)]
)
def test_topk_accuracy(element: str, classes: int, k: int, threads: int) -> None:
    batch = hits(12, classes, k, element=element)
    batch.logits[3, 0] = np.nan
    batch.logits[4, batch.labels[4]] = np.nan
    batch.logits[5, batch.labels[5]] = -np.inf
    batch.logits[6, batch.labels[6]] = np.inf
    result = batch.run(HITS, threads=threads)
    found = among_highest(batch, k)
    assert found.any()
    np.testing.assert_array_equal(result.rows, batch.weight * found)
    expected = topk_accuracy(
        batch.stored, batch.labels, k, sample_weight=batch.sample_weight, ignore_index=-100
    )
    close(result.value, expected, 1, "f32", 1e-7)


def test_every_order_leaves_the_same_bytes() -> None:
    batch = hits(6, 150, 20, element="f16")
    assert len({batch.run(HITS, threads=64, order=order).content for order in ORDERS}) == 1

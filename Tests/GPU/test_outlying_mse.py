"""The PTX of the mean squared error with outlying label, against NumPy and the CPU's library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from topkloss import OutlyingMSELoss

from device import ORDERS, PTX, Module
from evaluation import Batch, Floats, Step, close

STEPS = [Step(Module(PTX / "outlying_mse.ptx"), "topk_outlying_mse")]


def make(seed: int, rows: int, classes: int, **options: Any) -> tuple[Batch, Floats]:
    """A batch, with a row that is ignored and one of weight 0, and its teacher."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows)
    labels[1] = -100
    weight = random.uniform(0.5, 2, rows)
    weight[0] = 0
    options = {"sample_weight": weight, "upstream": random.normal(size=rows), **options}
    batch = Batch(3 * random.normal(size=(rows, classes)), labels, **options)
    teacher = random.uniform(1, 9, classes)
    address = batch.vector(teacher)

    def describe(call: Any) -> None:
        call.teacher.numbers = address

    batch.describe = describe
    return batch, teacher


def expected(batch: Batch, teacher: Floats) -> tuple[Floats, Floats]:
    """The rows' losses and gradients, in float64."""
    residual, rows = batch.stored, np.arange(len(batch.labels))
    counts = batch.counts
    labels = batch.labels * counts
    residual[rows, labels] -= teacher[labels]
    losses = np.where(counts, (residual**2).mean(axis=1), 0)
    return losses, 2 / residual.shape[1] * residual * batch.scale()[:, None]


@pytest.mark.parametrize("element", ["f32", "f16", "bf16"])
@pytest.mark.parametrize(("classes", "threads"), [(2, 32), (17, 32), (100, 256), (2053, 1024)])
def test_agrees_with_numpy(element: str, classes: int, threads: int) -> None:
    batch, teacher = make(classes, 4, classes, element=element, padding=3, in_place=threads == 256)
    result = batch.run(STEPS, threads=threads)
    losses, gradient = expected(batch, teacher)
    close(result.rows, batch.weight * losses, 1 + losses, "f32")
    close(result.gradient, gradient, 30 * np.abs(batch.scale())[:, None] / classes, element)
    assert result.total_weight == pytest.approx(batch.total_weight(), rel=1e-15)
    assert result.value == pytest.approx(result.rows.sum() / batch.total_weight(), rel=1e-14)


def test_agrees_with_the_library() -> None:
    batch, teacher = make(1, 6, 1000, upstream=None)
    result = batch.run(STEPS, threads=128)
    loss = OutlyingMSELoss(teacher=teacher, ignore_index=-100)
    value, gradient = loss.value_and_grad(
        batch.stored, batch.labels, sample_weight=batch.sample_weight
    )
    assert result.value == pytest.approx(value, rel=2e-7)
    close(result.gradient, gradient, np.abs(gradient).max(), "f32")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("threads", [32, 96])
def test_every_order_leaves_the_same_bytes(in_place: bool, threads: int) -> None:
    batch, _ = make(7, 5, 300, in_place=in_place, element="bf16" if in_place else "f32")
    results = {
        batch.run(STEPS, threads=threads, blocks=blocks, order=order).content
        for blocks in (1, 4)
        for order in ORDERS
    }
    assert len(results) == 1


@pytest.mark.parametrize("element", ["f32", "f16"])
@pytest.mark.parametrize("classes", [5, 700])
def test_special_logits(element: str, classes: int) -> None:
    batch, _ = make(3, 6, classes, element=element, is_mean=False, upstream=None)
    batch.labels = np.full(6, 1)
    batch.logits[0, 0] = -np.inf  # of weight 0
    batch.logits[1, classes - 1] = np.nan
    batch.logits[2, 1] = np.inf
    batch.logits[3, 0] = -np.inf
    batch.logits[4, 1] = np.nan
    result = batch.run(STEPS, threads=64)
    assert result.rows[0] == 0
    assert not result.gradient[0].any()
    for row in (1, 2, 4):
        assert np.isnan(result.rows[row])
        assert np.isnan(result.gradient[row]).all()
    assert result.rows[3] == np.inf
    assert result.gradient[3, 0] == -np.inf
    assert np.isfinite(result.gradient[3, 1:]).all()
    assert np.isfinite(result.gradient[5]).all()


def test_without_gradient_nothing_is_written() -> None:
    batch, teacher = make(5, 3, 40, gradient=False)
    losses, _ = expected(batch, teacher)
    close(batch.run(STEPS, threads=32).rows, batch.weight * losses, 1 + losses, "f32")


@pytest.mark.parametrize("fault", ["label", "weight", "upstream"])
def test_a_bad_batch_is_nan(fault: str) -> None:
    batch, _ = make(9, 4, 33)
    if fault == "label":
        batch.labels[2] = 33
    elif fault == "weight":
        batch.sample_weight[2] = np.inf  # type: ignore[index]
    else:
        batch.upstream[2] = np.nan  # type: ignore[index]
    result = batch.run(STEPS, threads=32)
    assert result.fault == {"label": 1, "weight": 2, "upstream": 3}[fault]
    assert result.row == 2
    assert np.isnan(result.gradient).all()
    assert np.isnan(result.value)

"""The PTX of the losses of one positive label a row, against NumPy and the CPU's library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from topkloss import SinglePositiveLoss

from device import ORDERS, PTX, Module
from evaluation import Batch, Floats, Step, close

MODULE = Module(PTX / "single_positive.ptx")
ROWS = [Step(MODULE, "topk_single_positive")]
STEPS = [
    Step(MODULE, "topk_single_positive_count"),
    Step(MODULE, "topk_single_positive_expect", 1),
    *ROWS,
]
# share (0: 1 / C), negative weight, K, strength
ASSUME_NEGATIVE = (0.0, 1.0, 0.0, 0.0)
EXPECTED_POSITIVE = (1.0, 0.0, 1.5, 2.0)
BOTH = (0.25, 0.5, 3.0, 40.0)


def make(seed: int, rows: int, classes: int, terms: tuple[float, ...], **options: Any) -> Batch:
    """A batch, with a row that is ignored and one of weight 0."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows).astype(np.int32)
    labels[1] = -7
    weight = random.uniform(0.5, 2, rows)
    weight[0] = 0
    options = {
        "sample_weight": weight,
        "upstream": random.uniform(0.5, 2, rows),
        "ignored_label": -7,
        **options,
    }

    def describe(call: Any) -> None:
        loss = call.single_positive
        loss.share, loss.negative_weight, loss.expected, loss.strength = terms
        loss.share = loss.share or 1 / classes

    return Batch(3 * random.normal(size=(rows, classes)) - 1, labels, describe=describe, **options)


def expected(batch: Batch, terms: tuple[float, ...]) -> tuple[Floats, Floats]:
    """The rows' losses and gradients, in float64; rows with NaN or +infinity do not count."""
    share, negative_weight, k, strength = terms
    z, scale = batch.stored, batch.scale()
    classes = z.shape[1]
    counts = batch.counts & ~(np.isnan(z) | (z == np.inf)).any(axis=1)
    z = np.where(counts[:, None], z, 0)
    own = np.arange(classes) == (batch.labels * counts)[:, None]
    sigmoid = 1 / (1 + np.exp(-z))
    weight = np.where(own, 1, negative_weight)
    share = share or 1 / classes
    signed = np.where(own, -z, z)
    terms_of_rows = share * np.where(weight == 0, 0, weight * np.logaddexp(0, signed))
    gradient = share * weight * (sigmoid - own) * scale[:, None]
    of_rows = batch.weight
    total = (of_rows * counts).sum()
    mean = (of_rows * counts * sigmoid.sum(axis=1)).sum() / total if total else 0
    excess = (mean - k) / classes
    slope = (scale * counts).sum() * strength * 2 * excess / classes / total if total else 0
    gradient += slope * of_rows[:, None] * sigmoid * (1 - sigmoid)
    losses = terms_of_rows.sum(axis=1) + strength * excess**2
    ignored = ~batch.counts
    bad = ~counts & ~ignored
    losses, gradient = np.where(bad, np.nan, losses), np.where(bad[:, None], np.nan, gradient)
    return np.where(ignored, 0, losses), np.where(ignored[:, None], 0, gradient)


@pytest.mark.parametrize("element", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("terms", [ASSUME_NEGATIVE, EXPECTED_POSITIVE, BOTH])
@pytest.mark.parametrize(("classes", "threads"), [(2, 32), (100, 64), (2053, 512)])
def test_agrees_with_numpy(
    element: str, terms: tuple[float, ...], classes: int, threads: int
) -> None:
    batch = make(classes, 4, classes, terms, element=element, in_place=threads == 64, padding=2)
    result = batch.run(STEPS if terms[3] else ROWS, threads=threads)
    losses, gradient = expected(batch, terms)
    close(result.rows, batch.weight * losses, 1 + losses, "f32")
    close(result.gradient, gradient, np.abs(gradient).max(), element)
    assert result.value == pytest.approx(result.rows.sum() / batch.total_weight(), rel=1e-14)


@pytest.mark.parametrize("is_mean", [False, True])
def test_agrees_with_the_library(is_mean: bool) -> None:
    batch = make(4, 6, 1000, EXPECTED_POSITIVE, upstream=None, is_mean=is_mean)
    batch.logits[4, 3] = -np.inf
    result = batch.run(STEPS, threads=128)
    loss = SinglePositiveLoss(
        "epr",
        expected_positives=1.5,
        regularization=2,
        ignore_index=-7,
        reduction="mean" if is_mean else "sum",
    )
    value, gradient = loss.value_and_grad(
        batch.stored, batch.labels, sample_weight=batch.sample_weight
    )
    assert result.value == pytest.approx(value, rel=2e-7)
    close(result.gradient, gradient, np.abs(gradient).max(), "f32")


@pytest.mark.parametrize(("in_place", "threads"), [(False, 96), (True, 32)])
def test_every_order_leaves_the_same_bytes(in_place: bool, threads: int) -> None:
    element = "f16" if in_place else "f32"
    batch = make(7, 5, 200, BOTH, in_place=in_place, element=element)
    results = {
        batch.run(STEPS, threads=threads, blocks=blocks, order=order).content
        for blocks in (1, 4)
        for order in ORDERS
    }
    assert len(results) == 1


@pytest.mark.parametrize("classes", [5, 300])
def test_rows_that_are_not_numbers_are_not_counted(classes: int) -> None:
    batch = make(3, 6, classes, BOTH)
    batch.logits[2, classes - 1] = np.nan
    batch.logits[3, 0] = np.inf
    batch.logits[4, classes // 2] = -np.inf
    result = batch.run(STEPS, threads=64)
    losses, gradient = expected(batch, BOTH)
    assert np.isnan(losses[2:4]).all()
    close(result.rows, batch.weight * losses, 1 + np.nan_to_num(losses), "f32")
    close(result.gradient, gradient, np.nanmax(np.abs(gradient)), "f32")
    assert np.isnan(result.value)


def test_no_row_counts() -> None:
    batch = make(3, 3, 40, BOTH)
    batch.labels[:] = -7
    result = batch.run(STEPS, threads=32)
    assert result.value == 0
    assert not result.gradient.any()

"""Rows so long that they are worked on in pieces: what a piece may have that others do not."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

import topkloss

CLASSES = 3 * 2048 + 77
RNG = np.random.default_rng(0)
COUNTS = RNG.integers(1, 5000, CLASSES).astype(float)
PIECES = [slice(start, min(start + 2048, CLASSES)) for start in range(0, CLASSES, 2048)]

LOSSES = {
    "cross-entropy": topkloss.CrossEntropyLoss(reduction="none"),
    "logit-adjusted": topkloss.LogitAdjustedLoss(COUNTS, reduction="none"),
    "vector scaling": topkloss.VectorScalingLoss(COUNTS, reduction="none"),
    "LDAM": topkloss.LDAMLoss(COUNTS, scale=2.0, reduction="none"),
    "focal": topkloss.FocalLoss(2.0, reduction="none"),
}


def expected(
    name: str, logits: NDArray, labels: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and gradients in float64, from the definitions."""
    rows = np.arange(len(labels))
    prior, largest = COUNTS / COUNTS.sum(), COUNTS.max()
    offset = np.log(prior) if name in ("logit-adjusted", "vector scaling") else np.zeros(CLASSES)
    factor = (COUNTS / largest) ** 0.3 if name == "vector scaling" else np.ones(CLASSES)
    scale = 2.0 if name == "LDAM" else 1.0
    scores = factor * logits.astype(np.float64) + offset
    if name == "LDAM":
        margins = 0.5 * COUNTS**-0.25 / (COUNTS**-0.25).max()
        scores[rows, labels] -= margins[labels]
    scores *= scale
    peak = scores.max(axis=1, keepdims=True)
    exponentials = np.exp(scores - peak)
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    values = np.log(exponentials.sum(axis=1)) + peak[:, 0] - scores[rows, labels]
    gradient = shares.copy()
    gradient[rows, labels] -= 1
    if name == "focal":
        own = shares[rows, labels]
        others = np.where(np.arange(CLASSES) == labels[:, None], 0, shares).sum(axis=1)
        gradient *= (others**2 * (1 + 2 * own * values / others))[:, None]
        values = others**2 * values
    return values, gradient * scale * factor


def cases() -> tuple[NDArray, NDArray]:
    """Rows with a masked piece, with one far below the others, and so on. Labels are not masked."""
    logits = RNG.normal(size=(8, CLASSES)).astype(np.float32)
    labels = np.array([0, 2047, 2048, 4100, CLASSES - 1, 5, 3000, 6200])
    logits[1, PIECES[0]] = -np.inf
    logits[1, 2047] = 0.5  # the label alone is left of its piece
    logits[2, PIECES[2]] = -np.inf
    logits[3, PIECES[0]] -= 200
    logits[4, PIECES[3]] += 60
    logits[5] = -np.inf
    logits[5, [5, 6000]] = 1.0, 2.0
    logits[6] *= 30
    logits[7, PIECES[1]] = 20.0
    return logits, labels


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", LOSSES)
def test_pieces_of_every_kind(name: str, dtype: type, in_place: bool) -> None:
    logits, labels = cases()
    logits = logits.astype(dtype)
    loss = LOSSES[name]
    values, gradient = expected(name, logits, labels)
    alone = loss(logits, labels)
    out = logits if in_place else np.empty_like(logits)
    found, _ = loss.value_and_grad(logits, labels, out=out)
    unit = float(ml_dtypes.finfo(dtype).eps)
    rounding = 4 * unit if np.dtype(dtype).itemsize == 2 else 0
    np.testing.assert_array_equal(found, alone)
    np.testing.assert_allclose(found.astype(float), values, rtol=3e-6 + rounding)
    tiny = float(ml_dtypes.finfo(dtype).tiny)
    np.testing.assert_allclose(out.astype(float), gradient, rtol=1e-5 + rounding, atol=1e-9 + tiny)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_nothing_left_or_no_number(dtype: type) -> None:
    logits = np.zeros((5, CLASSES), dtype)
    logits[0] = -np.inf  # all masked
    logits[1] = -np.inf
    logits[1, 5000] = np.nan  # a NaN among masked classes
    logits[2, 100] = np.nan
    logits[3, 6000] = np.inf
    logits[4, PIECES[1]] = -np.inf  # the label in a masked piece
    labels = np.array([7, 7, 7, 7, 2100])
    values, gradient = topkloss.CrossEntropyLoss(reduction="none").value_and_grad(logits, labels)
    assert values[0] == np.inf
    assert (gradient[0] == 0).all()
    assert np.isnan(values[1:4].astype(float)).all()
    assert np.isnan(gradient[1:4].astype(float)).all()
    assert values[4] == np.inf
    assert (gradient[4, PIECES[1]] == 0).all()
    assert gradient[4].astype(float).sum() == pytest.approx(1, rel=1e-2)


MARGIN_SOFTMAX = {
    "offset": {"offset": RNG.uniform(-4, 4, CLASSES), "scale": 30.0},
    "class scale": {"class_scale": RNG.uniform(0.5, 2, CLASSES), "scale": 1.0},
    "both": {
        "offset": RNG.uniform(-4, 4, CLASSES),
        "class_scale": RNG.uniform(0.5, 2, CLASSES),
        "scale": 5.0,
    },
}


@pytest.mark.parametrize("is_label_masked", [False, True])
@pytest.mark.parametrize("mask", [-1e9, -1e12, -1e30, -1e36])
@pytest.mark.parametrize("piece", range(len(PIECES)))
@pytest.mark.parametrize("name", MARGIN_SOFTMAX)
def test_masks_that_are_finite(name: str, piece: int, mask: float, is_label_masked: bool) -> None:
    """Padding by a very low score: no offset or factor of it may be felt."""
    options = MARGIN_SOFTMAX[name]
    logits = np.random.default_rng(piece).normal(size=(2, CLASSES)).astype(np.float32)
    logits[:, PIECES[piece]] = mask
    others = np.delete(np.arange(CLASSES), np.arange(CLASSES)[PIECES[piece]])
    label = PIECES[piece].start + 7 if is_label_masked else int(others[11])
    loss = topkloss.MarginSoftmaxLoss(**options, reduction="none")
    values, gradient = loss.value_and_grad(logits, [label, label])
    scores = options.get("class_scale", 1) * logits.astype(float) + options.get("offset", 0)
    scores *= options["scale"]
    peak = scores.max(axis=1, keepdims=True)
    shares = np.exp(scores - peak)
    total = shares.sum(axis=1, keepdims=True)
    expected_values = (np.log(total) + peak)[:, 0] - scores[:, label]
    np.testing.assert_allclose(values, expected_values, rtol=1e-5)
    shares /= total
    shares[:, label] -= 1
    shares *= options["scale"] * np.broadcast_to(options.get("class_scale", 1), CLASSES)
    np.testing.assert_allclose(gradient, shares, rtol=2e-5, atol=1e-9)

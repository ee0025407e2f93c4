"""Rows so long that they are worked on in pieces: what a piece may have that others do not."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
import reference
from losses import SOFTMAX
from pairwise import pairwise
from support import BFLOAT16, DTYPES, FLOAT16, FLOAT32, bits

import topkloss

LONG = 3 * 2048 + 77
PIECES = [slice(start, min(start + 2048, LONG)) for start in range(0, LONG, 2048)]
LABELS = np.array([0, 2047, 2048, 4100, LONG - 1, 5, 3000, 6200])


def pieces_of_every_kind(logits):
    """Rows with a masked piece, with one far below the others, and so on. No label is masked."""
    logits[1, PIECES[0]] = -np.inf
    logits[1, 2047] = 0.5  # the label alone is left of its piece
    logits[2, PIECES[2]] = -np.inf
    logits[3, PIECES[0]] -= 200
    logits[4, PIECES[3]] += 60
    logits[5] = -np.inf
    logits[5, [5, 6000]] = 1.0, 2.0
    logits[6] *= 30
    logits[7, PIECES[1]] = 20.0
    return logits


@pairwise(case=SOFTMAX, dtype=DTYPES, in_place=(False, True))
def test_pieces_of_every_kind(case, dtype, in_place):
    rng = np.random.default_rng(0)
    batch = case.sample(rng, (8, LONG), dtype)
    counts = rng.integers(1, 5000, LONG).astype(float)
    batch = replace(batch, logits=pieces_of_every_kind(batch.logits), labels=LABELS, counts=counts)
    options = case.class_options(rng, LONG)
    options.pop("label_smoothing", None)
    loss = case.make(counts, reduction="none", **options)
    values, gradient = batch.expect(options, reduction="none")
    alone = batch.value(loss)
    out = batch.logits if in_place else np.empty_like(batch.logits)
    found, _ = batch.value_and_grad(loss, out=out)
    assert bits(found) == bits(alone)
    unit, tiny = float(ml_dtypes.finfo(dtype).eps), float(ml_dtypes.finfo(dtype).tiny)
    rounding = 4 * unit if dtype.itemsize == 2 else 0
    np.testing.assert_allclose(found.astype(float), values, rtol=3e-6 + rounding)
    scale = float(getattr(loss, "scale", 1.0))
    np.testing.assert_allclose(
        out.astype(float), gradient, rtol=scale * 1e-5 + rounding, atol=scale * 1e-9 + tiny
    )


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT16, BFLOAT16], ids=str)
def test_pieces_with_nothing_left_or_no_number(dtype):
    logits = np.zeros((5, LONG), dtype)
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


VECTORS = {
    "offset": (30.0, {"offset": (-4, 4)}),
    "class scale": (1.0, {"class_scale": (0.5, 2)}),
    "both": (5.0, {"offset": (-4, 4), "class_scale": (0.5, 2)}),
}


@pytest.mark.parametrize("piece", range(len(PIECES)))
@pytest.mark.parametrize("name", VECTORS)
def test_masks_that_are_finite(name, piece):
    """Padding by a very low score: no offset or factor of it may be felt."""
    rng = np.random.default_rng(piece)
    scale, bounds = VECTORS[name]
    options = {key: rng.uniform(*bound, LONG) for key, bound in bounds.items()}
    loss = topkloss.MarginSoftmaxLoss(**options, scale=scale)
    logits = rng.normal(size=(1, LONG)).astype(np.float32)
    others = np.delete(np.arange(LONG), np.arange(LONG)[PIECES[piece]])
    for mask in (-1e9, -1e12, -1e30, -1e36):
        logits[:, PIECES[piece]] = mask
        for label in (PIECES[piece].start + 7, int(others[11])):
            value, gradient = loss.value_and_grad(logits, [label])
            expected = reference.softmax_margin_row(logits[0], label, scale=scale, **options)
            assert value == pytest.approx(expected[0], rel=1e-5)
            np.testing.assert_allclose(gradient[0], expected[1], rtol=2e-5, atol=1e-9)

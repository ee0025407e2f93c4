"""Noised top-K beside the code of the paper's authors, on the same noise."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from support import long_tail

torch = pytest.importorskip("torch")
pytest.importorskip("pytopk")

from pytopk.functional import bal_noised_topk_loss, imbal_noised_topk_loss  # noqa: E402
from pytopk.noised_topk import _noised_topk  # noqa: E402

import topkloss  # noqa: E402

SIZES = [(2, 3, 1, 1), (16, 10, 1, 5), (64, 100, 5, 5), (32, 1000, 5, 3), (8, 1000, 20, 10)]


def compared(value, expected_value, gradient, expected_gradient):
    assert value == pytest.approx(expected_value, rel=3e-6)
    np.testing.assert_allclose(
        gradient, expected_gradient, atol=1e-6 * np.abs(expected_gradient).max()
    )


@pytest.mark.parametrize(("rows", "classes", "k", "samples"), SIZES)
@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_balanced(rows, classes, k, samples, epsilon, rng):
    logits = rng.standard_normal((rows, classes)).astype(np.float32)
    labels = rng.integers(classes, size=rows)
    noise = rng.standard_normal((rows, samples, classes)).astype(np.float32)

    scores = torch.from_numpy(logits.copy()).requires_grad_()
    theirs = torch.from_numpy(np.ascontiguousarray(noise.transpose(0, 2, 1)))
    expected = bal_noised_topk_loss(
        scores, torch.from_numpy(labels), k, epsilon, _noised_topk, theirs
    )
    expected.backward()

    loss = topkloss.NoisedTopKLoss(k, epsilon, n_samples=samples)
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    compared(value, expected.item(), gradient, scores.grad.numpy())


@pytest.mark.parametrize(("rows", "classes", "k", "samples"), SIZES)
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_imbalanced(rows, classes, k, samples, scale, rng):
    counts = long_tail(classes, rng)
    logits = rng.uniform(-1, 1, (rows, classes)).astype(np.float32)
    labels = rng.integers(classes, size=rows)
    noise = rng.standard_normal((rows, samples, classes)).astype(np.float32)

    margins = torch.from_numpy(reference.margins(counts, 0.4).astype(np.float32))
    scores = torch.from_numpy(logits.copy()).requires_grad_()
    theirs = torch.from_numpy(np.ascontiguousarray(noise.transpose(0, 2, 1)))
    expected = imbal_noised_topk_loss(
        scores, torch.from_numpy(labels), k, margins, 0.1, _noised_topk, theirs, scale
    )
    expected.backward()

    loss = topkloss.NoisedTopKLoss(
        k, 0.1, n_samples=samples, class_counts=counts, max_margin=0.4, scale=scale
    )
    value, gradient = loss.value_and_grad(logits, labels, noise=noise)
    compared(value, expected.item(), gradient, scores.grad.numpy())


def test_own_noise_gives_the_same_law(rng):
    """Over many draws, the mean of the loss is that of the authors' with PyTorch's noise."""
    logits = rng.standard_normal((1, 50)).astype(np.float32)
    many = np.repeat(logits, 20_000, axis=0)
    labels = np.full(20_000, int(np.argsort(logits[0])[25]))
    mine = topkloss.NoisedTopKLoss(5, reduction="none")(many, labels)
    torch.manual_seed(0)
    noise = torch.randn(20_000, 50, 5)
    statistic = _noised_topk(torch.from_numpy(many), noise, 6, 1.0, -1, -1).numpy()
    theirs = 1 + statistic - many[0, labels[0]]
    error = np.sqrt((mine.var() + theirs.var()) / 20_000)
    assert abs(mine.mean() - np.maximum(theirs, 0).mean()) < 4 * error
    assert mine.std() == pytest.approx(theirs.std(), rel=0.03)

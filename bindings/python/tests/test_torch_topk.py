"""The top-K losses as modules, beside their formulas in PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from torch_support import (
    CLASSES,
    COUNTS,
    assert_same,
    batch,
    gradient_of,
    modules,
    reductions,
    refuses,
    torch,
)


def of_label(logits, labels):
    return logits.gather(1, labels[:, None])[:, 0]


@pytest.mark.parametrize("k", [1, 3, CLASSES - 1])
@reductions
def test_hinge(k, reduction):
    """Some rows are active and some are not; none is at the hinge itself."""
    logits, labels = batch(50)
    rows = (0.3 + logits.topk(k + 1).values[:, k] - of_label(logits, labels)).relu()
    if k == 3:
        assert 0 < (rows > 0).sum() < 50
    expected = {"mean": rows.mean(), "sum": rows.sum(), "none": rows}[reduction]
    upstream = torch.linspace(-1, 2, 50, dtype=torch.float64) if reduction == "none" else None
    loss = modules.TopKHingeLoss(k, 0.3, reduction=reduction)
    assert_same(loss(logits, labels), expected, logits, upstream=upstream)


def symmetric_polynomial(factors, degree):
    """The sum over all choices, row by row."""
    chosen = itertools.combinations(range(factors.shape[1]), degree)
    return sum(factors[:, list(some)].prod(1) for some in chosen)


@pytest.mark.parametrize(("k", "tau", "alpha"), [(1, 1.0, 1.0), (3, 0.3, 0.7), (6, 2.0, 0.0)])
def test_smooth_svm(k, tau, alpha):
    logits, labels = batch(20)
    logits, labels = logits.detach()[:, :7].clone().requires_grad_(), labels % 7
    powers = torch.exp(logits / (k * tau))
    own = torch.nn.functional.one_hot(labels, 7).bool()
    others = powers[~own].reshape(20, 6)
    without = powers[own] * symmetric_polynomial(others, k - 1)
    with_margin = np.exp(alpha / tau) * symmetric_polynomial(others, k)
    expected = tau * (torch.log(without + with_margin) - torch.log(without)).mean()
    loss = modules.SmoothTopKSVMLoss(k, tau, alpha)
    assert_same(loss(logits, labels), expected, logits)


@pytest.mark.parametrize("imbalanced", [False, True])
def test_noised_on_given_noise(imbalanced):
    """The estimator's own formula, whose gradient is the shares of samples."""
    logits, labels = batch(50)
    noise = torch.randn((50, 8, CLASSES), dtype=torch.float64)
    statistic = (logits[:, None] + 0.1 * noise).topk(4).values[:, :, 3].mean(1)
    options = {"margin": -0.2}
    margins = -0.2
    if imbalanced:
        options = {"class_counts": COUNTS, "max_margin": 0.3}
        margins = 0.3 * (torch.from_numpy(COUNTS) / COUNTS.min())[labels] ** -0.25
    rows = (margins + statistic - of_label(logits, labels)).relu()
    assert 0 < (rows > 0).sum() < 50
    loss = modules.NoisedTopKLoss(3, 0.1, n_samples=8, scale=2.0, **options)
    assert_same(loss(logits, labels, noise=noise), 2 * rows.mean(), logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_noise_is_the_same_as_on_arrays(dtype):
    logits, labels = batch(dtype=dtype)
    noise = torch.randn((6, 5, CLASSES), dtype=torch.float64)
    module = modules.NoisedTopKLoss(3)
    arithmetic = np.float64 if dtype == torch.float64 else np.float32
    value = module(logits, labels, noise=noise)
    value.backward()
    expected = module.loss.value_and_grad(
        logits.detach(), labels, noise=noise.numpy().astype(arithmetic)
    )
    assert value.item() == torch.tensor(expected[0], dtype=dtype).item()
    assert logits.grad.double().numpy().tolist() == expected[1].astype("f8").tolist()
    by_class = noise.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(module(logits, labels, noise=by_class), value)
    shared = noise[:1].expand(6, 5, CLASSES)
    assert torch.equal(
        module(logits, labels, noise=shared), module(logits, labels, noise=shared.clone())
    )


def test_exact_is_what_monte_carlo_tends_to():
    logits, labels = batch(4)
    exact = modules.NoisedTopKLoss(3, 0.5, estimator="exact", margin=9.0)
    sampled = modules.NoisedTopKLoss(3, 0.5, n_samples=20_000, margin=9.0)
    values = exact(logits, labels), sampled(logits, labels)
    torch.testing.assert_close(*values, rtol=0, atol=0.01)
    gradients = (gradient_of(value, logits) for value in values)
    torch.testing.assert_close(*gradients, rtol=0, atol=0.01)


def test_exact_needs_no_steps():
    logits, labels = batch()
    loss = modules.NoisedTopKLoss(3, estimator="exact")
    assert loss(logits, labels) == loss(logits, labels)
    refuses(lambda: loss(logits, labels, noise=torch.zeros(6, 5, CLASSES)), "OPTION", "noise")


def test_too_few_classes():
    logits, labels = torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1])
    for loss in (
        modules.TopKHingeLoss(3),
        modules.SmoothTopKSVMLoss(3),
        modules.NoisedTopKLoss(3, estimator="exact"),
    ):
        refuses(lambda loss=loss: loss(logits, labels), "OPTION", "k is 3")

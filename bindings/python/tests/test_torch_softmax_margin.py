"""The softmax-margin family and the focal loss as modules, beside the formulas in PyTorch."""

from __future__ import annotations

import pytest
from torch_support import CLASSES, COUNTS, assert_same, batch, modules, reductions, torch

cross_entropy = torch.nn.functional.cross_entropy
FREQUENCIES = torch.from_numpy(COUNTS / COUNTS.sum())
MARGINS = 0.5 * (torch.from_numpy(COUNTS) / COUNTS.min()) ** -0.25


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@reductions
def test_cross_entropy_is_pytorchs(weighted, smoothing, reduction):
    logits, labels = batch(50)
    labels[::7] = -100
    weight = torch.rand(CLASSES, dtype=torch.float64) if weighted else None
    upstream = torch.linspace(-1, 2, 50, dtype=torch.float64) if reduction == "none" else None
    expected = cross_entropy(
        logits, labels, weight=weight, label_smoothing=smoothing, reduction=reduction
    )
    loss = modules.CrossEntropyLoss(
        class_weight=weight, label_smoothing=smoothing, reduction=reduction
    )
    assert_same(loss(logits, labels), expected, logits, upstream=upstream)


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_logit_adjusted_is_pytorchs_on_adjusted_logits(tau):
    logits, labels = batch(50)
    expected = cross_entropy(logits + tau * FREQUENCIES.log(), labels)
    assert_same(modules.LogitAdjustedLoss(COUNTS, tau)(logits, labels), expected, logits)


def test_vector_scaling_is_pytorchs_on_scaled_logits():
    logits, labels = batch(50)
    scale = (FREQUENCIES / FREQUENCIES.max()) ** 0.4
    expected = cross_entropy(scale * logits + 0.7 * FREQUENCIES.log(), labels)
    loss = modules.VectorScalingLoss(COUNTS, gamma=0.4, tau=0.7)
    assert_same(loss(logits, labels), expected, logits)


@pytest.mark.parametrize("lam", [0.0, 1.0, 0.4])
def test_margins_are_pytorchs_on_lowered_logits(lam):
    logits, labels = batch(50)
    own = torch.nn.functional.one_hot(labels, CLASSES)
    rival = logits.detach().masked_fill(own.bool(), -torch.inf).argmax(1)
    lowered = logits - own * (MARGINS[labels] - lam * MARGINS[rival])[:, None]
    expected = cross_entropy(12 * lowered, labels)
    loss = modules.ELMLoss(COUNTS, scale=12, lam=lam)
    assert_same(loss(logits, labels), expected, logits)
    general = modules.MarginSoftmaxLoss(margin=MARGINS, scale=12, lam=lam)
    assert_same(general(logits, labels), expected, logits)
    if lam == 0:
        ldam = modules.LDAMLoss(COUNTS, scale=12)
        assert_same(ldam(logits, labels), expected, logits)


def test_margin_softmax_with_every_vector():
    logits, labels = batch(50)
    offset, scale = torch.rand(2, CLASSES, dtype=torch.float64) + 0.1
    expected = cross_entropy(3 * (scale * logits + offset), labels)
    loss = modules.MarginSoftmaxLoss(offset=offset, class_scale=scale, scale=3)
    assert_same(loss(logits, labels), expected, logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_focal(gamma, weighted):
    logits, labels = batch(50)
    weight = torch.rand(CLASSES, dtype=torch.float64) if weighted else None
    entropies = cross_entropy(logits, labels, reduction="none")
    rows = (1 - torch.exp(-entropies)) ** gamma * entropies
    by_row = torch.ones(50, dtype=torch.float64) if weight is None else weight[labels]
    expected = (by_row * rows).sum() / by_row.sum()
    assert_same(modules.FocalLoss(gamma, class_weight=weight)(logits, labels), expected, logits)

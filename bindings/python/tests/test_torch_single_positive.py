"""Learning from one positive label a row as modules, beside the formulas in PyTorch."""

from __future__ import annotations

import pytest
from torch_support import CLASSES, assert_same, batch, gradient_of, modules, reductions, torch

binary_cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits


def reduced(rows, weights, reduction):
    if reduction == "none":
        return weights * rows
    total = (weights * rows).sum()
    return total / weights.sum() if reduction == "mean" else total


@pytest.mark.parametrize("weak", [False, True])
@reductions
def test_assume_negative(weak, reduction):
    logits, labels = batch(30)
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()
    classes = targets + (1 - targets) / ((CLASSES - 1) if weak else 1)
    rows = (classes * binary_cross_entropy(logits, targets, reduction="none")).mean(1)
    weights = torch.linspace(0, 2, 30, dtype=torch.float64)
    expected = reduced(rows, weights, reduction)
    upstream = torch.linspace(-1, 2, 30, dtype=torch.float64) if reduction == "none" else None
    loss = modules.SinglePositiveLoss("wan" if weak else "an", reduction=reduction)
    value = loss(logits, labels, sample_weight=weights)
    assert_same(value, expected, logits, upstream=upstream)


@reductions
def test_expected_positives(reduction):
    """Rows share the term of the batch, so an upstream for each row reaches all of them."""
    logits, labels = batch(30)
    weights = torch.linspace(0, 2, 30, dtype=torch.float64)
    share = logits.sigmoid().sum(1) @ weights / weights.sum()
    rows = -torch.nn.functional.logsigmoid(logits).gather(1, labels[:, None])[:, 0]
    expected = reduced(rows + 9 * ((share - 4) / CLASSES) ** 2, weights, reduction)
    upstream = torch.linspace(-1, 2, 30, dtype=torch.float64) if reduction == "none" else None
    loss = modules.SinglePositiveLoss(
        "epr", expected_positives=4, regularization=9, reduction=reduction
    )
    value = loss(logits, labels, sample_weight=weights)
    assert_same(value, expected, logits, upstream=upstream)


def coupled():
    return modules.SinglePositiveLoss("epr", expected_positives=4, reduction="none")


@pytest.mark.parametrize("changed", ["logits", "labels", "weights"])
def test_what_changes_before_the_backward_pass_is_noticed(changed):
    """The gradient of coupled rows is computed there."""
    logits, labels = batch()
    tensors = {"logits": logits * 1, "labels": labels, "weights": torch.ones(6).double()}
    values = coupled()(tensors["logits"], tensors["labels"], sample_weight=tensors["weights"])
    with torch.no_grad():
        tensors[changed].mul_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_an_upstream_that_overflowed(bad):
    """As with loss scaling: the gradient says so, and the optimizer can skip the step."""
    logits, labels = batch()
    upstream = torch.ones(6, dtype=torch.float64)
    upstream[1] = bad
    gradient = gradient_of(coupled()(logits, labels), logits, upstream=upstream)
    assert gradient.shape == logits.shape
    assert gradient.isnan().all()

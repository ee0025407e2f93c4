"""The last layer and a loss together: what the loss of the layer's logits is, without these."""

from __future__ import annotations

import numpy as np
import pytest
from linear_support import (
    FEW,
    WIDTH,
    agree,
    each,
    functional,
    layer,
    reductions,
    seen,
    with_gradients,
)
from torch_support import CLASSES, COUNTS, MAKERS, NOISED, ONE_HEAD, gradient_of, modules, torch

from topkloss.torch import _linear_chunks, linear_loss


@each
@reductions
def test_the_answer_of_the_logits(name, reduction):
    inputs, weight, bias, labels = layer()
    labels[2] = -100
    weights = torch.arange(1.0, 8.0)
    agree(MAKERS[name](reduction=reduction), inputs, weight, labels, bias, sample_weight=weights)


@reductions
def test_without_a_bias_and_without_weights(reduction):
    inputs, weight, _, labels = layer()
    agree(MAKERS[ONE_HEAD](reduction=reduction), inputs, weight, labels, None)


@reductions
def test_class_weights_are_in_the_mean(reduction):
    inputs, weight, bias, labels = layer()
    labels[1] = -100
    criterion = modules.LogitAdjustedLoss(
        COUNTS, class_weight=np.arange(1.0, CLASSES + 1), reduction=reduction
    )
    agree(criterion, inputs, weight, labels, bias)
    criterion.set_class_weight(np.arange(CLASSES, 0, -1.0))
    agree(criterion, inputs, weight, labels, bias, sample_weight=torch.arange(7.0))


@reductions
def test_soft_labels(reduction):
    inputs, weight, bias, _ = layer()
    soft = torch.rand((7, CLASSES), dtype=torch.float32)
    class_weight = np.arange(1.0, CLASSES + 1)
    criterion = modules.CrossEntropyLoss(
        class_weight=class_weight, label_smoothing=0.1, reduction=reduction
    )
    agree(criterion, inputs, weight, soft, bias, sample_weight=torch.arange(7.0))


@reductions
def test_leading_dimensions(reduction):
    inputs, weight, bias, labels = layer(rows=24)
    criterion = MAKERS[NOISED](reduction=reduction)
    expected = linear_loss(criterion, inputs, weight, labels, bias, step=3)
    found = linear_loss(
        criterion, inputs.reshape(2, 3, 4, WIDTH), weight, labels.reshape(2, 3, 4), bias, step=3
    )
    assert found.shape == ((2, 3, 4) if reduction == "none" else ())
    torch.testing.assert_close(found.reshape(expected.shape), expected, rtol=0, atol=0)
    one = linear_loss(criterion, inputs[0], weight, labels[0], bias, step=3)
    assert one.shape == ()
    torch.testing.assert_close(
        gradient_of(found.sum(), inputs), gradient_of(expected.sum(), inputs), rtol=0, atol=0
    )


def test_inputs_and_weights_of_any_layout():
    inputs, weight, bias, labels = layer()
    turned, wide = weight.detach().t().contiguous().t(), torch.zeros(7, 2 * WIDTH).double()
    wide[:, ::2] = inputs.detach()
    given = wide[:, ::2].requires_grad_(), turned.requires_grad_()
    agree(MAKERS[ONE_HEAD](), *given, labels, bias)


def test_noise_does_not_depend_on_chunks(monkeypatch):
    inputs, weight, bias, labels = layer()
    whole, parts = (modules.NoisedTopKLoss(3, reduction="none") for _ in range(2))
    every = seen(monkeypatch)
    for step in range(3):  # each counts its calls, not its chunks
        expected = whole(functional.linear(inputs, weight, bias), labels)
        found = linear_loss(parts, inputs, weight, labels, bias, chunk_bytes=FEW)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
        assert {batch.step for batch, _ in every} == {step}
        assert [batch.first_row for batch, _ in every] == [0, 3, 6]
        every.clear()
    # The backward pass draws the noise of its own call.
    found.sum().backward()
    assert {batch.step for batch, _ in every} == {2}
    assert [batch.first_row for batch, _ in every] == [0, 3, 6]
    assert torch.equal(whole.get_extra_state(), parts.get_extra_state())
    parts.eval()
    first, second = (linear_loss(parts, inputs, weight, labels, bias) for _ in range(2))
    assert torch.equal(first, second)
    assert int(parts.get_extra_state()) == 3


def test_the_gradient_replaces_the_logits(monkeypatch):
    inputs, weight, bias, labels = layer()
    every = seen(monkeypatch)
    linear_loss(MAKERS[ONE_HEAD](), inputs, weight, labels, bias, chunk_bytes=FEW)
    assert [batch.rows for batch, _ in every] == [3, 3, 1]
    assert {result.gradient for _, result in every} == {every[0][0].logits}
    assert {batch.logits for batch, _ in every} == {every[0][0].logits}


@pytest.mark.parametrize("kept", [(0,), (1,), (2,), (0, 2), ()])
@reductions
def test_what_is_frozen_costs_nothing(kept, reduction, monkeypatch):
    made, passes = _linear_chunks.Pass.run, []

    def noted(self, *args):
        passes.append([each is not None for each in self.gradients])
        return made(self, *args)

    monkeypatch.setattr(_linear_chunks.Pass, "run", noted)
    every = seen(monkeypatch)
    *given, labels = layer()
    expected = [each.detach().clone().requires_grad_() for each in given]
    given = [each.detach().requires_grad_(place in kept) for place, each in enumerate(given)]
    criterion = MAKERS[ONE_HEAD](reduction=reduction)
    value = linear_loss(criterion, given[0], given[1], labels, given[2])
    assert value.requires_grad == bool(kept)
    if kept:
        value.sum().backward()
    wanted = [place in kept for place in range(3)]
    assert passes[-1] == wanted
    assert bool(every[-1][1].gradient) == bool(kept)
    criterion(functional.linear(*expected), labels).sum().backward()
    for one, other, is_kept in zip(given, expected, wanted, strict=True):
        assert (one.grad is not None) == is_kept
        if is_kept:
            torch.testing.assert_close(one.grad, other.grad)
    with torch.no_grad():
        linear_loss(criterion, expected[0], expected[1], labels)
    assert passes[-1] == [False] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@reductions
def test_other_dtypes(dtype, reduction):
    *given, labels = layer(dtype=dtype)
    criterion = modules.CrossEntropyLoss(reduction=reduction)
    value = linear_loss(criterion, given[0], given[1], labels, given[2], chunk_bytes=100)
    assert value.dtype == dtype
    found = with_gradients(value, *given)
    exact = [each.detach().double().requires_grad_() for each in given]
    expected = with_gradients(criterion(functional.linear(*exact), labels), *exact)
    near = 1e-5 if dtype == torch.float32 else 4 * torch.finfo(dtype).eps
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert (one.double() - other).abs().max() <= near * other.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@reductions
def test_autocast(dtype, reduction):
    *given, labels = layer(rows=40, dtype=torch.float32)
    criterion = modules.CrossEntropyLoss(reduction=reduction)
    with torch.autocast("cpu", dtype=dtype):
        value = linear_loss(criterion, given[0], given[1], labels, given[2], chunk_bytes=1000)
        logits = functional.linear(*given)
        values = criterion(logits, labels)
    assert logits.dtype == dtype
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, values, rtol=1e-5, atol=1e-6)
    exact = [each.detach().double().requires_grad_() for each in given]
    expected = with_gradients(criterion(functional.linear(*exact), labels), *exact)
    for one, other in zip(with_gradients(value, *given), expected, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).abs().max() <= 4 * torch.finfo(dtype).eps * other.abs().max()


def test_sums_of_many_rows_of_16_bits_go_on():
    """Added up in bfloat16, a gradient of 1 a chunk would stand still at 256."""
    rows = 2000
    inputs = torch.ones(rows, 1, dtype=torch.bfloat16)
    weight = torch.zeros(2, 1, dtype=torch.bfloat16).requires_grad_()
    labels = torch.zeros(rows, dtype=torch.int64)
    criterion = modules.CrossEntropyLoss(reduction="sum")
    linear_loss(criterion, inputs, weight, labels, chunk_bytes=8).backward()
    assert weight.grad.flatten().tolist() == [-rows / 2, rows / 2]


def test_small_gradients_of_float16_survive_scaling():
    """They are divided by the batch's weight and scaled at once, not rounded in between."""
    inputs = torch.ones(2000, 1)
    weight = torch.zeros(2, 1, requires_grad=True)
    bias = torch.tensor([9.0, 0.0], requires_grad=True)
    labels = torch.zeros(2000, dtype=torch.int64)
    with torch.autocast("cpu", dtype=torch.float16):
        value = linear_loss(modules.CrossEntropyLoss(), inputs, weight, labels, bias)
    (value * 2.0**16).backward()
    expected = 2.0**16 / (1 + np.exp(9.0))
    assert abs(weight.grad[1].item() / expected - 1) < 0.01

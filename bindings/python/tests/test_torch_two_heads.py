"""The two-head average-K loss as a module: both heads, and the moving average of the threshold."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
from pairwise import pairwise
from torch_support import CLASSES, batch, gradient_of, modules, refuses, torch

import topkloss


def heads(rows=6, dtype=torch.float64, seed=5):
    """Logits of both heads, with gaps between probabilities that no rounding closes, and labels."""
    first, labels = batch(rows, dtype, seed=seed)
    second, _ = batch(rows, dtype, seed=seed + 1)
    return first, second, labels


@pytest.mark.parametrize("decay", [0.0, 0.6])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(decay, reduction):
    first, second, labels = heads()
    labels[2] = -100
    weights = torch.rand(6, dtype=torch.float64)
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=decay, reduction=reduction)
    loss(first, second, labels)
    loss.eval()
    assert torch.autograd.gradcheck(
        lambda z, g: loss(z, g, labels, sample_weight=weights), (first, second), eps=1e-7, atol=1e-5
    )


def test_a_gradient_for_one_head_only():
    first, second, labels = heads()
    loss = modules.TwoHeadAverageKLoss(2.5)
    both = gradient_of(loss(first, second, labels), first, second)
    for place, (one, other) in enumerate([(first, second.detach()), (second, first.detach())]):
        pair = (one, other) if place == 0 else (other, one)
        value = loss(*pair, labels)
        value.backward()
        assert torch.equal(one.grad, both[place])
        assert other.grad is None
    assert not loss(first.detach(), second.detach(), labels).requires_grad
    with torch.no_grad():
        assert not loss(first, second, labels).requires_grad


def test_heads_on_one_backbone():
    """The gradients of both heads reach what they share, together with those of other terms."""
    first, second, labels = heads()
    loss = modules.TwoHeadAverageKLoss(2.5)
    shared = torch.tensor([0.7, -0.2], dtype=torch.float64, requires_grad=True)
    one, other = first.detach(), second.detach()
    assert torch.autograd.gradcheck(
        lambda x: loss(one * x[0] + x[1], (other * x[0]).tanh(), labels) + x.square().mean(),
        (shared,),
        eps=1e-7,
        atol=1e-5,
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_second_head_in_any_layout(dtype):
    first, second, labels = heads(dtype=dtype)
    loss = modules.TwoHeadAverageKLoss(2.5)
    value = loss(first, second, labels)
    gradient = gradient_of(value, second)
    both = torch.zeros(6, 2 * CLASSES, dtype=dtype)
    both[:, CLASSES:] = second.detach()
    spread = torch.zeros(6, 2 * CLASSES, dtype=dtype)
    spread[:, ::2] = second.detach()
    for view in (both[:, CLASSES:], spread[:, ::2], second.detach().t().contiguous().t()):
        view.requires_grad_()
        other = loss(first, view, labels)
        assert torch.equal(other, value)
        assert torch.equal(gradient_of(other, view), gradient)
    assert loss(first, first, labels) == loss(first, first.clone(), labels)


# The moving average


def averaging():
    return modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7)


def assert_as_on_arrays(loss, inputs, state):
    """The value and the gradients that the loss has with a state of the caller's."""
    first, second, labels = inputs
    expected, gradients = loss.loss.value_and_grad(
        first.detach(), second.detach(), labels, threshold=state
    )
    value = loss(*inputs)
    assert value.item() == expected
    for found, gradient in zip(gradient_of(value, first, second), gradients, strict=True):
        assert found.numpy().tolist() == gradient.tolist()


def test_training_moves_the_average():
    loss, state = averaging(), topkloss.ThresholdState()
    assert loss.threshold == 0
    for seed in range(4):
        before = state.value
        assert_as_on_arrays(loss, heads(20, seed=seed), state)
        assert loss.threshold.item() == state.value != before


def test_evaluation_uses_the_average_and_leaves_it():
    loss, inputs = averaging(), heads(20, seed=8)
    loss(*heads(30))
    kept = loss.threshold.item()
    loss.eval()
    for _ in range(3):
        assert_as_on_arrays(loss, inputs, topkloss.ThresholdState(kept))
        assert loss.threshold.item() == kept
    loss.train()
    state = topkloss.ThresholdState(kept)
    assert_as_on_arrays(loss, inputs, state)
    assert loss.threshold.item() == state.value != kept


def test_training_without_gradient_moves_the_average_too():
    loss, state = averaging(), topkloss.ThresholdState()
    first, second, labels = heads()
    arrays = first.detach(), second.detach(), labels
    with torch.no_grad():
        loss(first, second, labels)
    loss.loss(*arrays, threshold=state)
    assert loss.threshold.item() == state.value
    kept = loss.threshold.clone()
    with torch.inference_mode():
        loss(2 * first, second, labels)
    assert not torch.equal(loss.threshold, kept)


def test_a_call_that_fails_moves_nothing():
    loss = averaging()
    first, second, labels = heads()
    refuses(lambda: loss(first, second, labels + 20), "LABEL", "labels[")
    assert loss.threshold == 0
    loss(first, second, labels)
    kept = loss.threshold.clone()
    loss(first, second, torch.full_like(labels, -100))
    assert torch.equal(loss.threshold, kept)


def test_the_average_is_in_the_state():
    loss, fresh = (averaging() for _ in range(2))
    loss(*heads())
    file = io.BytesIO()
    torch.save(loss.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(fresh.threshold, loss.threshold)
    twin = copy.deepcopy(loss)
    inputs = heads(20, seed=8)
    assert loss(*inputs) == fresh(*inputs)
    assert not torch.equal(twin.threshold, loss.threshold)
    assert not modules.TwoHeadAverageKLoss(2.5).state_dict()


@pytest.mark.parametrize("model", [False, True])
def test_casts_and_moves_leave_the_average_alone(model):
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.999)
    loss(*heads())
    kept = loss.threshold.clone()
    moved = torch.nn.Sequential(torch.nn.Linear(2, 2), loss) if model else loss
    for change in (moved.half, moved.bfloat16, moved.double, lambda: moved.to("meta")):
        change()
        assert torch.equal(loss.threshold, kept)
        assert [name for name, _ in loss.named_buffers()] == ["threshold"]
    loss(*heads(20))
    assert not torch.equal(loss.threshold, kept)


# Wrong arguments

BAD = [
    (torch.zeros(4, 5), "SIZE", ["multi_label_logits has shape (4, 5)", "(4, 21)"]),
    (torch.zeros(3, CLASSES), "SIZE", ["multi_label_logits has shape (3, 21)", "(4, 21)"]),
    (torch.zeros(CLASSES), "SIZE", ["multi_label_logits has shape (21,)"]),
    (torch.zeros(4, CLASSES).double(), "ENUMERATOR", ["torch.float64", "torch.float32"]),
    (torch.zeros(4, CLASSES).long(), "ENUMERATOR", ["multi_label_logits has dtype"]),
    (torch.zeros(4, CLASSES).to("meta"), "ENUMERATOR", ["multi_label_logits is on the device"]),
    (np.zeros((4, CLASSES)), "ENUMERATOR", ["multi_label_logits is a ndarray"]),
    (None, "ENUMERATOR", ["multi_label_logits is a NoneType"]),
]


@pairwise(bad=BAD, requires_grad=[False, True])
def test_bad_second_heads(bad, requires_grad):
    second, status, words = bad
    loss = modules.TwoHeadAverageKLoss(2)
    logits = torch.zeros(4, CLASSES, requires_grad=requires_grad)
    refuses(lambda: loss(logits, second, torch.arange(4)), status, *words)


def test_too_many_candidates():
    loss = modules.TwoHeadAverageKLoss(CLASSES)
    logits = torch.zeros(4, CLASSES)
    refuses(lambda: loss(logits, logits, torch.arange(4)), "OPTION", "k is 21")

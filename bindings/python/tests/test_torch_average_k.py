"""The two-head average-K loss as a module: both heads, and the moving average of the threshold."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
from torch_support import (
    CLASSES,
    assert_same,
    batch,
    dtypes,
    gradient_of,
    modules,
    reductions,
    refuses,
    torch,
)

import topkloss

cross_entropy = torch.nn.functional.cross_entropy
binary_cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits


def heads(rows=6, dtype=torch.float64):
    """Logits of both heads, with gaps between probabilities that no rounding closes, and labels."""
    first, labels = batch(rows, dtype)
    second, _ = batch(rows, dtype, seed=6)
    return first, second, labels


def formula(first, second, labels, candidates, weight=1.0, share=1.0, per_class=1.0):
    """The rows' losses with given candidates."""
    own = torch.nn.functional.one_hot(labels, CLASSES).bool()
    targets = (candidates | own).to(second.dtype)
    weights = 1 + (weight - 1) * (candidates & ~own).to(second.dtype)
    terms = weights * binary_cross_entropy(second, targets, reduction="none")
    return cross_entropy(first, labels, reduction="none") + share * per_class * terms.sum(1)


def largest(first, k):
    """The round(B K) largest probabilities of the batch."""
    chosen = first.detach().softmax(1).flatten().topk(round(len(first) * k)).indices
    mask = torch.zeros(first.numel(), dtype=torch.bool)
    mask[chosen] = True
    return mask.reshape(first.shape)


def threshold_of(first, k):
    """The midpoint of the last probability that is kept and the next one's."""
    kept = round(len(first) * k)
    ordered = first.detach().softmax(1).flatten().sort(descending=True).values
    return ((ordered[kept - 1] + ordered[kept]) / 2).item()


@pytest.mark.parametrize("k", [0.3, 2.5, 20.0])
@pytest.mark.parametrize("class_reduction", ["sum", "mean"])
@reductions
def test_is_the_formula(k, class_reduction, reduction):
    first, second, labels = heads(30)
    per_class = 1 / CLASSES if class_reduction == "mean" else 1.0
    rows = formula(first, second, labels, largest(first, k), 0.4, 1.7, per_class)
    expected = {"mean": rows.mean(), "sum": rows.sum(), "none": rows}[reduction]
    upstream = torch.linspace(-1, 2, 30, dtype=torch.float64) if reduction == "none" else None
    loss = modules.TwoHeadAverageKLoss(
        k,
        candidate_weight=0.4,
        multi_label_weight=1.7,
        class_reduction=class_reduction,
        reduction=reduction,
    )
    assert_same(loss(first, second, labels), expected, first, second, upstream=upstream)


@pytest.mark.parametrize("decay", [0.0, 0.6])
@reductions
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


@dtypes
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_same_as_on_arrays(dtype, reduction):
    first, second, labels = heads(dtype=dtype)
    weights = torch.linspace(0, 2, 6)
    loss = modules.TwoHeadAverageKLoss(2.5, reduction=reduction)
    value = loss(first, second, labels, sample_weight=weights)
    assert value.dtype == dtype
    value.backward(torch.ones_like(value))
    expected, gradients = loss.loss.value_and_grad(
        first.detach(), second.detach(), labels, sample_weight=weights.numpy()
    )
    assert torch.equal(value.detach(), torch.as_tensor(np.asarray(expected, "f8")).to(dtype))
    for head, gradient in zip((first, second), gradients, strict=True):
        assert head.grad.dtype == dtype
        assert head.grad.double().numpy().tolist() == gradient.astype("f8").tolist()


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
    torch.manual_seed(4)
    backbone, one, other = (torch.nn.Linear(n, m).double() for n, m in [(5, 8), (8, 21), (8, 21)])
    inputs, labels = torch.randn(30, 5, dtype=torch.float64), torch.randint(21, (30,))
    features = backbone(inputs).tanh()
    first, second = one(features), other(features)
    value = modules.TwoHeadAverageKLoss(2.5)(first, second, labels) + features.square().mean()
    expected = formula(first, second, labels, largest(first, 2.5)).mean()
    expected = expected + features.square().mean()
    torch.testing.assert_close(value, expected)
    weights = (backbone.weight, one.weight, other.weight)
    found = torch.autograd.grad(value, weights, retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(expected, weights))


@dtypes
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


def test_training_moves_the_average():
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7)
    assert loss.threshold == 0
    before = 0.0
    for seed in range(4):
        logits, labels = batch(20, seed=seed)
        second = batch(20, seed=seed + 9)[0]
        now = threshold_of(logits, 2.5)
        before = 0.7 * before + 0.3 * now if before else now
        candidates = logits.detach().softmax(1) >= before
        expected = formula(logits, second, labels, candidates).mean()
        assert_same(loss(logits, second, labels), expected, logits, second)
        assert loss.threshold.item() == pytest.approx(before, rel=1e-12)
        state = topkloss.ThresholdState(before)
        loss.loss(logits.detach(), second.detach(), labels, threshold=state)
        assert state.value != before  # the array's state is not the module's


def test_evaluation_uses_the_average_and_leaves_it():
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7)
    loss(*heads(30))
    kept = loss.threshold.clone()
    logits, labels = batch(20, seed=8)
    second = batch(20, seed=9)[0]
    blended = 0.7 * kept.item() + 0.3 * threshold_of(logits, 2.5)
    candidates = logits.detach().softmax(1) >= blended
    expected = formula(logits, second, labels, candidates).mean()
    loss.eval()
    for _ in range(3):
        assert_same(loss(logits, second, labels), expected, logits, second)
        assert torch.equal(loss.threshold, kept)
    loss.train()
    loss(logits, second, labels)
    assert loss.threshold.item() == pytest.approx(blended, rel=1e-12)


def test_training_without_gradient_moves_the_average_too():
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7)
    first, second, labels = heads()
    with torch.no_grad():
        loss(first, second, labels)
    assert loss.threshold.item() == pytest.approx(threshold_of(first, 2.5))
    kept = loss.threshold.clone()
    with torch.inference_mode():
        loss(2 * first, second, labels)
    assert not torch.equal(loss.threshold, kept)


def test_a_call_that_fails_moves_nothing():
    loss = modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7)
    first, second, labels = heads()
    refuses(lambda: loss(first, second, labels + 20), "LABEL", "labels[")
    assert loss.threshold == 0
    loss(first, second, labels)
    kept = loss.threshold.clone()
    loss(first, second, torch.full_like(labels, -100))
    assert torch.equal(loss.threshold, kept)


def test_the_average_is_in_the_state():
    loss, fresh = (modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.7) for _ in range(2))
    loss(*heads())
    file = io.BytesIO()
    torch.save(loss.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(fresh.threshold, loss.threshold)
    twin = copy.deepcopy(loss)
    logits, labels = batch(20, seed=8)
    assert loss(logits, logits, labels) == fresh(logits, logits, labels)
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


@pytest.mark.parametrize(
    ("second", "status", "words"),
    [
        (torch.zeros(4, 5), "SIZE", ["multi_label_logits has shape (4, 5)", "(4, 21)"]),
        (torch.zeros(3, CLASSES), "SIZE", ["multi_label_logits has shape (3, 21)", "(4, 21)"]),
        (torch.zeros(CLASSES), "SIZE", ["multi_label_logits has shape (21,)"]),
        (torch.zeros(4, CLASSES).double(), "ENUMERATOR", ["torch.float64", "torch.float32"]),
        (torch.zeros(4, CLASSES).long(), "ENUMERATOR", ["multi_label_logits has dtype"]),
        (torch.zeros(4, CLASSES).to("meta"), "ENUMERATOR", ["multi_label_logits is on the device"]),
        (np.zeros((4, CLASSES)), "ENUMERATOR", ["multi_label_logits is a ndarray"]),
        (None, "ENUMERATOR", ["multi_label_logits is a NoneType"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_bad_second_heads(second, status, words, requires_grad):
    loss = modules.TwoHeadAverageKLoss(2)
    logits = torch.zeros(4, CLASSES, requires_grad=requires_grad)
    refuses(lambda: loss(logits, second, torch.arange(4)), status, *words)


def test_too_many_candidates():
    loss = modules.TwoHeadAverageKLoss(CLASSES)
    logits = torch.zeros(4, CLASSES)
    refuses(lambda: loss(logits, logits, torch.arange(4)), "OPTION", "k is 21")

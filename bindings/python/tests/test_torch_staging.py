"""How tensors get from a device and back, on a device that is played by the CPU.

It is asynchronous: what is fetched arrives only when its stream is waited for, and is NaN, or a
label out of range, until then.
"""

from __future__ import annotations

import pytest
from torch_support import (
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    ONE_HEAD,
    TWO_HEADS,
    batch,
    call,
    fixed,
    modules,
    reductions,
    torch,
    ways,
)

from topkloss.torch import _evaluation, _module, _outputs, _staging


class Device:
    """What has been asked of it."""

    def __init__(self):
        self.pending = []
        self.waits = 0
        self.sent = []

    def fetched(self, tensor):
        target = torch.empty_like(tensor, requires_grad=False)
        target.copy_(torch.tensor(-(1 << 40), dtype=torch.float64))
        if target.is_floating_point():
            target.fill_(torch.nan)
        self.pending.append((target, tensor))
        return target

    def wait(self, device):
        assert device.type == "cpu"
        assert self.pending
        self.waits += 1
        for target, tensor in self.pending:
            target.data.copy_(tensor.detach())
        self.pending.clear()

    def send(self, tensor, device):
        assert device.type == "cpu"
        self.sent.append(tensor)
        return remote(tensor.clone())


def remote(tensor):
    """A tensor of the device's."""
    tensor.is_remote = True
    return tensor


@pytest.fixture
def device(monkeypatch):
    played = Device()
    monkeypatch.setattr(_staging, "is_remote", lambda value: hasattr(value, "is_remote"))
    monkeypatch.setattr(_staging, "fetched", played.fetched)
    monkeypatch.setattr(_staging, "wait", played.wait)
    monkeypatch.setattr(_evaluation, "sent", played.send)
    monkeypatch.setattr(
        _outputs, "pinned", lambda shape, dtype: torch.full(tuple(shape), torch.nan, dtype=dtype)
    )
    monkeypatch.setattr(_outputs, "pinned_like", lambda one: torch.full_like(one, torch.nan))
    # The short way is for tensors that say they are the CPU's.
    monkeypatch.setattr(_module, "evaluate_plain", lambda *_: None)
    return played


@ways
@reductions
def test_values_and_gradients(name, reduction, device):
    module = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    weight = torch.arange(1.0, 7.0)
    upstream = weight.double() if reduction == "none" else torch.tensor(2.0).double()
    expected = module(logits, labels, sample_weight=weight)
    wanted = torch.autograd.grad(expected, logits, upstream)[0]
    assert device.waits == 0

    found = module(remote(logits), remote(labels), sample_weight=remote(weight))
    assert device.waits == 1
    assert torch.equal(found, expected)
    gradient = torch.autograd.grad(found, logits, remote(upstream))[0]
    assert torch.equal(gradient, wanted)
    assert not device.pending
    assert device.sent


@ways
@reductions
def test_in_place(name, reduction, device):
    """The gradient is copied over the logits: no other memory of the device's is taken for it."""
    if (name, reduction) == (COUPLED, "none"):
        pytest.skip("its gradient is computed in the backward pass")
    leaf, labels = batch()
    expected = fixed(MAKERS[name](reduction=reduction))(leaf, labels)
    upstream = torch.ones_like(expected)
    wanted = torch.autograd.grad(expected, leaf, upstream)[0]
    logits = remote(leaf * 1)
    found = fixed(MAKERS[name](reduction=reduction, inplace=True))(logits, remote(labels))
    assert torch.equal(found, expected)
    assert torch.equal(logits, wanted)
    assert all(one.shape != logits.shape for one in device.sent)
    assert torch.equal(torch.autograd.grad(found, leaf, remote(upstream))[0], wanted)


@pytest.mark.usefixtures("device")
@ways
def test_each_argument_may_be_anywhere(name):
    module = fixed(MAKERS[name]())
    weight = torch.arange(1.0, 7.0)
    logits, labels = batch()
    expected = module(logits, labels, sample_weight=weight)
    for here in range(1, 8):
        logits, labels = batch()
        arguments = [logits, labels, weight.clone()]
        for place in range(3):
            if here >> place & 1:
                remote(arguments[place])
        found = module(*arguments[:2], sample_weight=arguments[2])
        assert torch.equal(found, expected)
        torch.autograd.grad(found, logits)


@pytest.mark.usefixtures("device")
def test_noise():
    module = modules.NoisedTopKLoss(3, n_samples=4)
    logits, labels = batch()
    noise = torch.randn(6, 4, CLASSES)
    expected = module(logits, labels, noise=noise)
    assert torch.equal(module(remote(logits), labels, noise=remote(noise)), expected)


def test_class_weights(device):
    logits, labels = batch()
    module = MAKERS[ONE_HEAD](class_weight=COUNTS)
    expected = module(logits, labels)
    assert torch.equal(module(remote(logits), labels), expected)
    assert device.waits == 1


@pytest.mark.usefixtures("device")
def test_labels_of_other_types_are_converted_after_they_have_arrived():
    logits, labels = batch()
    module = MAKERS[ONE_HEAD]()
    expected = module(logits, labels)
    assert torch.equal(module(remote(logits), remote(labels.to(torch.uint8))), expected)


@pytest.mark.usefixtures("device")
def test_scores_out_of_order():
    """A transposed matrix is fetched in the order of its rows."""
    logits, labels = batch()
    turned = logits.detach().t().contiguous().t().requires_grad_()
    module = MAKERS[ONE_HEAD]()
    expected = module(logits, labels)
    found = module(remote(turned), labels)
    assert torch.equal(found, expected)
    assert torch.equal(
        torch.autograd.grad(found, turned)[0], torch.autograd.grad(expected, logits)[0]
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_images_travel_as_they_lie(reduction, device):
    """So that neither they nor their gradients are turned on the way."""
    labels = torch.randint(CLASSES, (2, 3, 4))
    module = MAKERS[ONE_HEAD](reduction=reduction)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        logits = batch(24)[0].detach().reshape(2, 3, 4, CLASSES).movedim(-1, 1)
        logits = logits.contiguous(memory_format=memory_format).requires_grad_()
        device.sent.clear()
        expected = module(logits, labels)
        found = module(remote(logits), remote(labels.clone()))
        assert torch.equal(found, expected)
        gradient = torch.autograd.grad(found.sum(), logits)[0]
        assert torch.equal(gradient, torch.autograd.grad(expected.sum(), logits)[0])
        assert gradient.stride() == logits.stride()
        assert logits.stride() in [one.stride() for one in device.sent]


def test_evaluation_sends_no_gradient(device):
    logits, labels = batch(requires_grad=False)
    MAKERS[ONE_HEAD]()(remote(logits), labels)
    assert not device.sent


@pytest.mark.parametrize(
    ("name", "reduction"), [(ONE_HEAD, "mean"), (COUPLED, "none"), (TWO_HEADS, "none")]
)
def test_in_graphs(name, reduction, device, monkeypatch):
    """Operators move tensors as modules do. Marks are lost on the way into one: all are remote."""
    logits, labels = batch()
    module = call(MAKERS[name](reduction=reduction))
    expected = module(logits, labels)
    wanted = torch.autograd.grad(expected.sum(), logits)[0]
    monkeypatch.setattr(_staging, "is_remote", lambda value: isinstance(value, torch.Tensor))
    torch._dynamo.reset()
    found = torch.compile(module, fullgraph=True, backend="aot_eager")(logits, labels)
    torch.testing.assert_close(found, expected)
    assert device.waits == 1
    gradient = torch.autograd.grad(found.sum(), logits)[0]
    torch.testing.assert_close(gradient, wanted)
    assert device.sent


@pytest.mark.parametrize("rule", ["argmax", "nearest"])
def test_predictions(rule, device):
    logits, _ = batch()
    module = modules.OutlyingMSELoss(COUNTS)
    expected = module.predict(logits, rule)
    assert torch.equal(module.predict(remote(logits), rule), expected)
    assert device.waits == 1


@pytest.mark.parametrize("estimator", ["exact", "monte_carlo"])
def test_noised_topk(estimator, device):
    scores, _ = batch()
    expected = modules.noised_topk(scores, 3, estimator=estimator)
    wanted = torch.autograd.grad(expected.sum(), scores)[0]
    found = modules.noised_topk(remote(scores), 3, estimator=estimator)
    assert torch.equal(found, expected)
    assert torch.equal(torch.autograd.grad(found.sum(), scores)[0], wanted)
    assert device.waits == 1


@pytest.mark.usefixtures("device")
def test_constants_that_require_a_gradient_are_still_refused():
    logits, labels = batch()
    weight = remote(torch.ones(6, requires_grad=True))
    with pytest.raises(ValueError, match="sample_weight requires a gradient"):
        MAKERS[ONE_HEAD]()(remote(logits), labels, sample_weight=weight)


def test_negation_is_not_left_to_the_copy(monkeypatch):
    """A copy that is still on its way would be negated before it arrives."""
    negated = torch.view_as_complex(torch.randn(6, CLASSES, 2)).conj().imag
    assert negated.is_neg()
    copied = []

    class Target:
        def copy_(self, values, *, non_blocking):
            assert non_blocking
            copied.append(values)
            return values

    monkeypatch.setattr(_staging, "pinned_like", lambda *_: Target())
    _staging.fetched(negated)
    assert not copied[0].is_neg()
    assert torch.equal(copied[0], negated)


def test_the_cpus_own_tensors_stay_where_they_are():
    logits, labels = batch()
    assert _staging.staged(logits, labels, None, "x") == (logits, labels, None, "x")
    assert _staging.home_of(logits) is None
    assert _staging.home_of([1]) is None

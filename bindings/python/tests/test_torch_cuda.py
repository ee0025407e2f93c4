"""Tensors on a CUDA device, where there is one: on every device, stream and dtype."""

from __future__ import annotations

import copy

import pytest
from pairwise import pairwise
from torch_support import (
    AVERAGING,
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    REDUCTIONS,
    SECOND_HEAD,
    TWO_HEADS,
    WAYS,
    batch,
    call,
    fixed,
    modules,
    refuses,
    torch,
)

from topkloss.torch import _staging

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # With TOPKLOSS_CUDA=1, said of what these tests stage all the same.
    pytest.mark.filterwarnings("ignore:.* is not computed on a device:RuntimeWarning"),
]

BUSY = 200_000_000
"""Cycles: a few tenths of a second."""


def on_device(*tensors):
    return [tensor.detach().cuda().requires_grad_(tensor.requires_grad) for tensor in tensors]


@pairwise(name=WAYS, reduction=REDUCTIONS, labels_there=[False, True])
def test_the_answers_of_the_cpu(name, reduction, labels_there):
    module = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    weight = torch.arange(1.0, 7.0)
    expected = module(logits, labels, sample_weight=weight)
    wanted = torch.autograd.grad(expected.sum(), logits)[0]
    there, there_labels, there_weight = on_device(logits, labels, weight)
    found = module(there, there_labels if labels_there else labels, sample_weight=there_weight)
    gradient = torch.autograd.grad(found.sum(), there)[0]
    assert found.device == gradient.device == there.device
    torch.testing.assert_close(found.cpu(), expected)
    torch.testing.assert_close(gradient.cpu(), wanted)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_images(memory_format, soft):
    """They travel in their own layout, as their gradients do."""
    module = modules.LogitAdjustedLoss(COUNTS)
    logits, labels = batch(24, requires_grad=False)
    if soft:
        labels = torch.nn.functional.one_hot(labels, CLASSES).double() / 2
        labels = labels.reshape(2, 3, 4, CLASSES).movedim(-1, 1)
    else:
        labels = labels.reshape(2, 3, 4)
    logits = logits.reshape(2, 3, 4, CLASSES).movedim(-1, 1)
    logits = logits.contiguous(memory_format=memory_format).requires_grad_()
    expected = module(logits, labels)
    there, there_labels = on_device(logits, labels)
    found = module(there, there_labels)
    torch.testing.assert_close(found.cpu(), expected)
    gradient = torch.autograd.grad(found, there)[0]
    assert gradient.stride() == there.stride()
    torch.testing.assert_close(gradient.cpu(), torch.autograd.grad(expected, logits)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_autocast(dtype):
    logits, labels = batch(dtype=dtype)
    (there,) = on_device(logits)
    module = MAKERS[ONE_HEAD](class_weight=COUNTS)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        value = module(there, labels)
    value.backward()
    assert value.dtype == torch.float32
    assert there.grad.dtype == dtype
    torch.testing.assert_close(value.cpu(), module(logits.float(), labels).detach())


def test_work_of_the_current_stream_is_waited_for():
    logits, labels = batch()
    module = MAKERS[ONE_HEAD]()
    expected = module(logits, labels)
    wanted = torch.autograd.grad(expected, logits)[0]
    # Nothing in the block waits by itself: a copy from pageable memory would.
    source = logits.detach().cuda()
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        target = torch.zeros_like(source)
        torch.cuda._sleep(BUSY)
        target.copy_(source)
        assert not stream.query()
        there = target.requires_grad_()
        value = module(there, labels)
        gradient = torch.autograd.grad(value, there)[0]
        # Nothing waits for the gradient, but what follows on the stream sees it.
        doubled = gradient * 2
    stream.synchronize()
    assert torch.allclose(value.cpu(), expected)
    torch.testing.assert_close(doubled.cpu(), 2 * wanted)


def test_pinned_memory_is_not_given_out_too_early(monkeypatch):
    """Gradients whose copies are held up, while calls on other streams ask for as much memory."""
    module = modules.CrossEntropyLoss()
    batches = [batch(200, seed=seed) for seed in range(8)]
    there = [on_device(logits)[0] for logits, _ in batches]
    streams = [torch.cuda.Stream() for _ in batches]
    # Loads what is loaded at first use, so that the device is busy for longer than the calls take.
    torch.autograd.grad(module(there[0], batches[0][1]), there[0])
    torch.cuda.synchronize()
    waited = _staging.wait

    def wait_and_be_busy(device):
        waited(device)
        torch.cuda._sleep(BUSY)

    monkeypatch.setattr(_staging, "wait", wait_and_be_busy)
    found = []
    for stream, logits, (_, labels) in zip(streams, there, batches, strict=True):
        with torch.cuda.stream(stream):
            value = module(logits, labels)
            found.append(torch.autograd.grad(value, logits)[0])
            assert not stream.query(), "its gradient should still be on its way"
    torch.cuda.synchronize()
    for gradient, (logits, labels) in zip(found, batches, strict=True):
        wanted = torch.autograd.grad(module(logits, labels), logits)[0]
        torch.testing.assert_close(gradient.cpu(), wanted)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_labels_on_another_device():
    logits, labels = batch()
    module = MAKERS[ONE_HEAD]()
    value = module(logits.cuda(1), labels.cuda(0))
    assert value.device == torch.device("cuda:1")
    torch.testing.assert_close(value.cpu(), module(logits, labels))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [ONE_HEAD, NOISED, COUPLED, AVERAGING])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled(name, backend):
    torch._dynamo.reset()
    module = MAKERS[name]()
    logits, labels = batch()
    there, there_labels = on_device(logits, labels)
    expected = call(copy.deepcopy(module))(logits, labels)
    heads = [there, SECOND_HEAD[:6].cuda()][: module.loss._traits.heads]
    value = torch.compile(module, fullgraph=True, backend=backend)(*heads, there_labels)
    gradient = torch.autograd.grad(value, there)[0]
    wanted = torch.autograd.grad(expected, logits)[0]
    torch.testing.assert_close(value.cpu(), expected)
    torch.testing.assert_close(gradient.cpu(), wanted)


def test_lazily_negated_logits():
    """Their copies arrive late, and are negated once."""
    logits, labels = batch(requires_grad=False)
    negated = torch.complex(logits, -logits).cuda().conj().imag
    assert negated.is_neg()
    torch.cuda._sleep(BUSY)
    found = MAKERS[ONE_HEAD]()(negated, labels)
    torch.testing.assert_close(found.cpu(), MAKERS[ONE_HEAD]()(logits, labels))


def test_heads_on_two_devices_are_refused():
    logits, labels = batch()
    refuses(
        lambda: MAKERS[TWO_HEADS]()(logits.cuda(), logits, labels),
        *("ENUMERATOR", "multi_label_logits is on the device cpu, the logits on cuda:0"),
    )


def test_noise_and_the_operator():
    logits, labels = batch()
    noise = torch.randn(6, 5, CLASSES)
    module = modules.NoisedTopKLoss(3)
    there = logits.detach().cuda()
    found = module(there, labels, noise=noise.cuda())
    torch.testing.assert_close(found.cpu(), module(logits.detach(), labels, noise=noise))
    values = modules.noised_topk(there, 3)
    torch.testing.assert_close(values.cpu(), modules.noised_topk(logits.detach(), 3))


def test_moving_a_module_changes_nothing():
    logits, labels = batch()
    for maker in (MAKERS[NOISED], MAKERS[ONE_HEAD]):
        module = maker().cuda()
        torch.testing.assert_close(module(logits.cuda(), labels).cpu(), maker()(logits, labels))

"""CUDA tensors that are computed where they are: answers, layouts, graphs."""

from __future__ import annotations

import gc
import weakref

import pytest
from cuda_support import capturing, counts
from torch_device_support import (
    CPU,
    DTYPES,
    agree,
    assert_near,
    device,
    on_cpu,
    skip_unless_computed,
    trusted,
    value_and_gradient,
)
from torch_support import (
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    REDUCTIONS,
    SECOND_HEAD,
    TWO_HEADS,
    batch,
    each,
    fixed,
    modules,
    torch,
)

from topkloss import TopKLossError, cuda
from topkloss.torch import _devices, _faults, _trust

__all__ = ["device", "on_cpu", "trusted"]


@each
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.usefixtures("trusted")
def test_the_answers_of_the_cpu(name, reduction, on_cpu):
    made = MAKERS[name](reduction=reduction)
    skip_unless_computed(made, torch.float32)
    for dtype in DTYPES if reduction == "mean" else DTYPES[:1]:
        logits, labels = batch(dtype=dtype, requires_grad=False)
        labels[2] = -100
        weight = torch.arange(1.0, 7.0)
        agree(on_cpu, fixed(made), logits, labels, sample_weight=weight)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("layout", ["strided", "channels_first", "channels_last"])
def test_layouts(layout, soft, on_cpu):
    module = modules.LogitAdjustedLoss(COUNTS, label_smoothing=0.1)
    logits, labels = batch(24, torch.float32, requires_grad=False)
    if soft:
        labels = torch.nn.functional.one_hot(labels, CLASSES).float() / 2
    if layout == "strided":
        logits = torch.cat([logits, logits], 1)[:, :CLASSES]
        assert not logits.is_contiguous()
    else:
        logits = logits.reshape(2, 3, 4, CLASSES).movedim(-1, 1)
        shape = (2, 3, 4, CLASSES) if soft else (2, 3, 4)
        labels = labels.reshape(shape).movedim(-1, 1) if soft else labels.reshape(shape)
        if layout == "channels_first":
            logits = logits.contiguous()
    agree(on_cpu, module, logits, labels)
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(module(logits, labels), logits)
    assert gradient.stride() == torch.empty_like(logits).stride()


@pytest.mark.parametrize("name", [ONE_HEAD, TWO_HEADS])
@pytest.mark.parametrize("layout", [lambda z: z * 1, lambda z: torch.cat([z, z], 1)[:, :CLASSES]])
@pytest.mark.usefixtures("trusted")
def test_in_place(name, layout, on_cpu):
    leaf, labels = batch(60, torch.float32)
    expected = on_cpu(lambda: value_and_gradient(fixed(MAKERS[name]()), leaf, labels))
    logits, before = layout(leaf), counts().launches
    value = fixed(MAKERS[name](inplace=True))(logits, labels)
    assert counts().launches > before
    assert_near(value, expected[0], torch.float32)
    assert_near(logits.detach(), expected[1], torch.float32)
    assert_near(torch.autograd.grad(value, leaf)[0], expected[1], torch.float32)


def test_empty_batches():
    module = MAKERS[ONE_HEAD]()
    logits = torch.empty(0, CLASSES, requires_grad=True)
    value = module(logits, torch.empty(0, dtype=torch.int64))
    assert value == 0
    assert torch.autograd.grad(value, logits)[0].shape == (0, CLASSES)


def test_autocast(on_cpu):
    logits, labels = batch(dtype=torch.bfloat16)
    module = MAKERS[ONE_HEAD]()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = on_cpu(lambda: module(logits, labels))
        found = module(logits, labels)
    assert found.dtype == torch.float32
    assert_near(found.detach(), expected.detach(), torch.float32)


def test_class_weights_that_change(on_cpu):
    module = modules.CrossEntropyLoss(class_weight=COUNTS)
    logits, labels = batch(dtype=torch.float32)
    agree(on_cpu, module, logits, labels)
    old = weakref.ref(_trust._footings[module.loss][CPU])
    module.set_class_weight(1 / COUNTS)
    agree(on_cpu, module, logits, labels)
    gc.collect()
    assert old() is None, "constants go with their loss"
    assert len(_trust._footings) == 1


def test_nothing_is_uploaded_or_waited_for_twice(monkeypatch):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    module(logits, labels)
    made = []
    monkeypatch.setattr(cuda, "constants", lambda *_: made.append(0))
    monkeypatch.setattr(torch.Tensor, "item", lambda _: made.append(1))
    before = counts()
    value = module(logits, labels, sample_weight=torch.ones(6))
    after = counts()
    assert isinstance(value, torch.Tensor)
    assert not made
    assert after.launches > before.launches
    for name in ("allocations", "frees", "synchronizations", "copies", "modules", "depth"):
        assert getattr(after, name) == getattr(before, name), name


def test_captured_after_one_call(monkeypatch):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    with monkeypatch.context() as patched, capturing():
        patched.setattr(_devices, "is_capturing", lambda _: True)
        with pytest.raises(RuntimeError, match="call it once before, to warm up"):
            module(logits, labels)
    expected = value_and_gradient(module, logits, labels)
    watched = len(_faults._outcomes[CPU]._calls)
    with monkeypatch.context() as patched, capturing():
        patched.setattr(_devices, "is_capturing", lambda _: True)
        found = value_and_gradient(module, logits, labels)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert len(_faults._outcomes[CPU]._calls) == watched
    assert _trust._captured


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "reduction"), [(NOISED, "mean"), (COUPLED, "none"), (TWO_HEADS, "mean")]
)
def test_in_graphs(name, reduction):
    made = MAKERS[name](reduction=reduction)
    skip_unless_computed(made, torch.float32)
    module = fixed(made)
    logits, labels = batch(dtype=torch.float32)
    expected = value_and_gradient(module, logits, labels)
    torch._dynamo.reset()
    before = counts().launches
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    found = value_and_gradient(compiled, logits, labels)
    assert counts().launches > before
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])


def test_errors_name_what_they_do_on_the_cpu():
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    with pytest.raises(TopKLossError, match="labels has shape"):
        module(logits, labels[:3])
    with pytest.raises(TopKLossError):
        module(logits[:, :5], labels)


def test_the_threshold_is_kept_on_the_device(on_cpu):
    first, labels = batch(dtype=torch.float32)
    second = SECOND_HEAD[:6].float()
    module, other = (MAKERS["two_head_decay"]() for _ in range(2))
    skip_unless_computed(module, torch.float32)
    for scale in (1.0, 5.0, 0.2):
        heads = first.detach() * scale, second
        module(*heads, labels)
        on_cpu(lambda heads=heads: other(*heads, labels))
    torch.testing.assert_close(module.threshold, other.threshold, rtol=1e-6, atol=0)

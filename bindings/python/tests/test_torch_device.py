"""CUDA tensors that are computed where they are, on a device that the processor plays."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest
from cuda_support import capturing, counts, driver, faults
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
    refuses,
    torch,
)

from topkloss import TopKLossError, cuda
from topkloss.torch import _device_evaluation, _devices, _faults, _module, _trust
from topkloss.torch.cuda import check

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device of its own")

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
NEAR = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""Of the largest number: for 16 bits, two units in its last place."""
CPU = torch.device("cpu")


class Event:
    """One that is over when a test says so."""

    over = True

    def query(self):
        return Event.over

    def synchronize(self):
        Event.over = True


def aligned(size, device):
    """Memory as PyTorch's allocator gives it out on devices."""
    room = torch.full((size + 512,), 0xFF, dtype=torch.uint8, device=device)
    start = -room.data_ptr() % 512
    return room[start : start + size]


@pytest.fixture(autouse=True)
def device(monkeypatch):
    """The CPU's tensors are a device's."""
    driver()
    monkeypatch.setattr(_devices, "IS_ON", True)
    monkeypatch.setattr(_devices, "is_remote", lambda value: isinstance(value, torch.Tensor))
    monkeypatch.setattr(_devices, "stream_of", lambda _: 0)
    monkeypatch.setattr(_devices, "is_capturing", lambda _: False)
    monkeypatch.setattr(_devices, "record", lambda event, _: event or Event())
    monkeypatch.setattr(_devices, "keep_until_done", lambda *_: None)
    monkeypatch.setattr(_devices, "room", aligned)
    monkeypatch.setattr(_devices, "room_for_outcomes", lambda n: torch.empty(n, 6).double())
    monkeypatch.setattr(_module, "evaluate_plain", lambda *_: None)
    monkeypatch.setattr(Event, "over", True)
    for table in (_trust._said, _trust._refused, _trust._footings, _trust._agreed):
        table.clear()
    _faults._outcomes.clear()
    yield
    _faults._outcomes.clear()


@pytest.fixture
def on_cpu(monkeypatch):
    """A function that calls another with tensors that are the CPU's."""

    def there(function):
        with monkeypatch.context() as patched:
            patched.setattr(_devices, "IS_ON", False)
            return function()

    return there


def skip_unless_computed(module, dtype):
    """Skips what devices do not compute: not what they should, and do not."""
    logits, labels = batch(dtype=dtype, requires_grad=False)
    second = {"multi_label_logits": logits.data_ptr()} if module.loss._traits.heads == 2 else {}
    name = str(dtype).removeprefix("torch.")
    given = {"logits": logits.data_ptr(), "labels": labels.data_ptr(), **second}
    try:
        cuda.needs(module.loss, cuda.batch(*logits.shape, name, **given), cuda.result())
    except TopKLossError as error:
        if error.status != "TOPKLOSS_ERROR_UNSUPPORTED":
            raise
        pytest.skip(str(error))


def assert_near(found, expected, dtype):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    largest = expected.double().abs().max()
    error = (found.double() - expected.double()).abs().max()
    assert error <= NEAR[dtype] * largest, (error, largest)


def value_and_gradient(module, logits, labels, **options):
    logits = logits.detach().requires_grad_()
    value = module(logits, labels, **options)
    upstream = torch.arange(1, value.numel() + 1).to(value).reshape(value.shape)
    return value.detach(), torch.autograd.grad(value, logits, upstream)[0]


def agree(on_cpu, module, logits, labels, **options):
    """The device's answers are the CPU's; on which nothing has been said of the device."""
    expected = on_cpu(lambda: value_and_gradient(module, logits, labels, **options))
    before = counts().launches
    found = value_and_gradient(module, logits, labels, **options)
    assert counts().launches > before, "it was staged"
    for one, other in zip(found, expected, strict=True):
        assert_near(one, other, logits.dtype)


@pytest.fixture
def trusted(monkeypatch):
    """No known batch is looked at first, which takes as long as what is tested."""
    monkeypatch.setattr(_trust, "_compare", lambda *_: None)


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


# Faults


def wrong():
    logits, labels = batch(dtype=torch.float32)
    labels[4] = CLASSES
    return logits, labels


def test_a_fault_is_raised_by_the_next_call_of_any_loss():
    logits, labels = wrong()
    module = MAKERS[ONE_HEAD]()
    Event.over = False
    value = module(logits, labels)
    assert value.isnan()
    assert torch.autograd.grad(value, logits)[0].isnan().all()
    good = batch(dtype=torch.float32)
    assert modules.CrossEntropyLoss()(*good).isfinite(), "nothing waits"
    Event.over = True
    words = "an earlier call of LDAMLoss on cpu had a value of NaN: ", "row 4", str(CLASSES)
    refuses(lambda: modules.CrossEntropyLoss()(*good), "LABEL", *words)
    assert module(*good).isfinite(), "it is raised once"


def test_faults_are_raised_when_asked_for():
    module = MAKERS[ONE_HEAD]()
    check()
    Event.over = False
    module(*wrong())
    module(*batch(dtype=torch.float32))
    refuses(check, "LABEL", "an earlier call")
    check()


def test_faults_are_raised_at_once_if_the_module_says_so():
    module = MAKERS[ONE_HEAD](check=True)
    Event.over = False
    refuses(lambda: module(*wrong()), "LABEL", "row 4")
    assert "check=True" in repr(module)
    assert module(*batch(dtype=torch.float32)).isfinite()


@pytest.mark.parametrize("weight", [-1.0, torch.nan, torch.inf])
def test_weights(weight):
    module = MAKERS[ONE_HEAD](check=True)
    weights = torch.ones(6)
    weights[3] = weight
    status = "NOT_FINITE"
    words = "sample_weight[3]", "0 or more"
    refuses(lambda: module(*batch(dtype=torch.float32), sample_weight=weights), status, *words)


@pytest.mark.usefixtures("trusted")
def test_outcomes_take_bounded_memory(monkeypatch):
    monkeypatch.setattr(_faults, "_MOST", 3)
    module = MAKERS[ONE_HEAD]()
    good = batch(dtype=torch.float32)
    module(*good)
    _faults._outcomes.clear()
    Event.over = False
    module(*wrong())
    for _ in range(2):
        module(*good)
    refuses(lambda: module(*good), "LABEL", "an earlier call")
    for _ in range(4):
        module(*good)
    assert len(_faults._outcomes[CPU]._places) == 3


# What is staged


def test_float64_is_staged_with_one_warning(on_cpu):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch()
    with pytest.warns(RuntimeWarning, match="on cpu on the CPU: float64 is not computed on a dev"):
        found = module(logits, labels)
    assert torch.equal(found, on_cpu(lambda: module(logits, labels)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(logits, labels)


def test_a_launch_that_fails(on_cpu):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    module(logits, labels)
    expected = on_cpu(lambda: module(logits, labels))
    with faults("launch"), pytest.warns(RuntimeWarning, match="cuLaunchKernel"):
        found = module(logits, labels)
    assert torch.equal(found, expected)
    assert not _trust._refused, "the next may not"


def test_a_module_that_the_driver_refuses_is_not_loaded_again(monkeypatch, on_cpu):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    asked = []

    def refuse(*_):
        asked.append(0)
        raise TopKLossError("cuModuleLoadData: refused", "TOPKLOSS_ERROR_DEVICE")

    monkeypatch.setattr(cuda, "prepare", refuse)
    with pytest.warns(RuntimeWarning, match="cuModuleLoadData: refused"):
        found = module(logits, labels)
    assert torch.equal(found, on_cpu(lambda: module(logits, labels)))
    MAKERS[ONE_HEAD]()(logits, labels)
    assert len(asked) == 1


def test_no_library(monkeypatch, on_cpu):
    monkeypatch.setattr(cuda, "_loaded", lambda: "there is none")
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    with pytest.warns(RuntimeWarning, match="there is none"):
        found = module(logits, labels)
    assert torch.equal(found, on_cpu(lambda: module(logits, labels)))


def test_answers_that_differ_are_staged(monkeypatch, on_cpu):
    """Found by a known batch, once, and then for all losses of the kind."""
    right = _device_evaluation.DeviceEvaluation.computed

    def spoiled(self, *arguments, **options):
        value, gradients = right(self, *arguments, **options)
        gradients[0][0, 0] += 1e-3 * gradients[0].abs().max()
        return value, gradients

    monkeypatch.setattr(_device_evaluation.DeviceEvaluation, "computed", spoiled)
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    expected = on_cpu(lambda: module(logits, labels))
    with pytest.warns(RuntimeWarning, match="a known batch of LDAMLoss in torch.float32 has anot"):
        assert torch.equal(module(logits, labels), expected)
    monkeypatch.undo()
    assert _trust._refused


def test_refused_kinds_stay_refused(monkeypatch):
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch(dtype=torch.float32)
    with monkeypatch.context() as patched:
        patched.setattr(_trust, "_is_near", lambda *_: False)
        with pytest.warns(RuntimeWarning, match="has another answer there"):
            module(logits, labels)
    before = counts().launches
    MAKERS[ONE_HEAD]()(logits, labels)
    assert counts().launches == before
    modules.CrossEntropyLoss()(logits, labels)
    assert counts().launches > before


# In graphs


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [ONE_HEAD, NOISED, COUPLED, TWO_HEADS])
def test_in_graphs(name):
    made = MAKERS[name]()
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
    for _ in range(3):
        module(first, second, labels)
        on_cpu(lambda: other(first, second, labels))
    torch.testing.assert_close(module.threshold, other.threshold, rtol=1e-6, atol=0)

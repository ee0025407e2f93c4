"""PyTorch's CUDA tensors, on a device that the processor plays: whoever imports this has one."""

from __future__ import annotations

import pytest
from cuda_support import counts, driver
from torch_support import batch, torch

from topkloss import TopKLossError, cuda
from topkloss.torch import _devices, _faults, _module, _trust

if torch.cuda.is_available():
    pytest.skip("there is a device of its own", allow_module_level=True)

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

"""Mixed precision: losses under `torch.autocast`, and with a gradient scaler."""

from __future__ import annotations

import os

# PyTorch's matrix products in bfloat16 use AMX, which some virtual machines announce and then stop
# programs for. It is read at the first product.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

import numpy as np
import pytest
from pairwise import pairwise
from torch_support import (
    CLASSES,
    COUPLED,
    MAKERS,
    ONE_HEAD,
    REDUCTIONS,
    SECOND_HEAD,
    TWO_HEADS,
    WAYS,
    batch,
    fixed,
    modules,
    refuses,
    torch,
    ways,
)

from topkloss.torch import _evaluation

functional = torch.nn.functional

HALVES = [torch.bfloat16, torch.float16]
both = pytest.mark.parametrize("dtype", HALVES, ids=str)


def autocast(dtype):
    return torch.autocast("cpu", dtype=dtype)


def one_gradient(value, logits):
    return torch.autograd.grad(value.sum(), logits)[0]


@pairwise(name=WAYS, dtype=HALVES, reduction=REDUCTIONS)
def test_values_are_float32_and_gradients_those_of_the_logits(name, dtype, reduction):
    """As of PyTorch's own losses, whose dtypes are taken from PyTorch here."""
    logits, labels = batch(dtype=dtype)
    module = fixed(MAKERS[name](reduction=reduction))
    with autocast(dtype):
        value = module(logits, labels)
        theirs = functional.cross_entropy(logits, labels, reduction=reduction)
    assert (value.dtype, value.shape) == (theirs.dtype, theirs.shape)
    assert value.dtype == torch.float32
    gradient = one_gradient(value, logits)
    assert gradient.dtype == one_gradient(theirs, logits).dtype == dtype
    # The same in float32, from the same rounded logits (both heads' of a two-head loss).
    exact = logits.detach().float().requires_grad_()
    two_heads = MAKERS[name](reduction=reduction)
    if two_heads.loss._traits.heads == 2:
        module = _two_heads(two_heads, dtype)
    expected = module(exact, labels)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)
    tolerance = {"rtol": 2e-2, "atol": 1e-3}
    torch.testing.assert_close(gradient.float(), one_gradient(expected, exact), **tolerance)
    assert gradient.abs().max() > 0.004


def _two_heads(module, dtype):
    second = SECOND_HEAD[:6].to(dtype).float()
    return lambda logits, labels: module.eval()(logits, second, labels)


@ways
def test_nothing_changes_for_float32_and_float64(name):
    for dtype in (torch.float32, torch.float64):
        logits, labels = batch(dtype=dtype)
        module = fixed(MAKERS[name]())
        with autocast(torch.bfloat16):
            value = module(logits, labels)
        assert value.dtype == dtype
        assert torch.equal(value, module(logits, labels))


def test_outside_autocast_values_have_the_dtype_of_the_logits():
    logits, labels = batch(dtype=torch.bfloat16)
    module = MAKERS[ONE_HEAD]()
    with autocast(torch.bfloat16), torch.autocast("cpu", enabled=False):
        assert module(logits, labels).dtype == torch.bfloat16
    assert module(logits, labels).dtype == torch.bfloat16


def test_bfloat16_is_read_where_it_is(monkeypatch):
    """No conversion: the library is given the address of the logits themselves."""
    logits, labels = batch(dtype=torch.bfloat16)
    call, addresses = _evaluation.call, []

    def noted(handle, given, result):
        addresses.append(given.logits)
        return call(handle, given, result)

    monkeypatch.setattr(_evaluation, "call", noted)
    with autocast(torch.bfloat16):
        MAKERS[ONE_HEAD]()(logits, labels)
        by_row = MAKERS[ONE_HEAD](reduction="none")(logits, labels)
    assert addresses[0] == logits.data_ptr()
    # Values by row are of the dtype that the library reads.
    assert addresses[1] != logits.data_ptr()
    assert by_row.dtype == torch.float32


def test_a_value_is_not_rounded_to_bfloat16():
    logits, labels = batch(dtype=torch.bfloat16)
    module = modules.CrossEntropyLoss()
    with autocast(torch.bfloat16):
        value = module(logits, labels)
    expected = functional.cross_entropy(logits.double(), labels).item()
    assert abs(value.item() - expected) < 1e-6
    assert abs(module(logits, labels).item() - expected) > 1e-5


def test_heads_of_different_dtypes():
    """One head may come from a layer that autocast leaves in float32."""
    logits, labels = batch(dtype=torch.bfloat16)
    second = batch(dtype=torch.float32, seed=7)[0]
    module = MAKERS[TWO_HEADS]()
    with autocast(torch.bfloat16):
        value = module(logits, second, labels)
    first, other = torch.autograd.grad(value, (logits, second))
    assert (value.dtype, first.dtype, other.dtype) == (
        torch.float32,
        torch.bfloat16,
        torch.float32,
    )
    expected = module(logits.float(), second, labels)
    torch.testing.assert_close(value, expected)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.hidden = torch.nn.Linear(12, 32)
        self.head = modules.NormedLinear(32, CLASSES)

    def forward(self, inputs):
        return 20 * self.head(torch.relu(self.hidden(inputs)))


def data(rows=64):
    generator = torch.Generator().manual_seed(8)
    inputs = torch.randn((rows, 12), generator=generator)
    return inputs, (inputs[:, :5].abs().sum(1) * 4).long() % CLASSES


@both
def test_training_with_autocast_and_a_scaler(dtype):
    """Mixed precision ends near where float32 does, whether compiled or not."""
    inputs, labels = data()
    ends = {}
    for mode in ("float32", "mixed", "compiled"):
        model, criterion = Model(), modules.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, enabled=dtype == torch.float16)

        def forward(inputs, labels, model=model, criterion=criterion):
            return criterion(model(inputs), labels)

        if mode == "compiled":
            torch._dynamo.reset()
            forward = torch.compile(forward, fullgraph=True, backend="aot_eager")
        for _ in range(20):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=dtype, enabled=mode != "float32"):
                value = forward(inputs, labels)
            assert value.dtype == torch.float32
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        ends[mode] = value.item()
    assert ends["float32"] < 2.0
    assert abs(ends["mixed"] - ends["float32"]) < 0.05
    assert abs(ends["compiled"] - ends["mixed"]) < 0.05


def test_small_gradients_of_float16_survive_scaling():
    """They are scaled in float32, before they are rounded to float16."""
    logits = torch.zeros(2000, CLASSES, dtype=torch.float16)
    logits[:, 0] = 14.0
    labels = torch.zeros(2000, dtype=torch.int64)
    logits.requires_grad_()
    with autocast(torch.float16):
        value = modules.CrossEntropyLoss()(logits, labels)
    (value * 2.0**16).backward()
    rare = logits.grad[:, 1].float()
    # exp(-14) / 2000 is 4e-10, far below the 6e-8 that float16 has for its smallest number.
    assert torch.allclose(rare, torch.full((2000,), 2.0**16 * 8.3153e-7 / 2000), rtol=0.05)
    wrong = modules.CrossEntropyLoss()(logits.detach().requires_grad_(), labels)
    assert wrong.dtype == torch.float16


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "dtype", "reduction"),
    [
        (ONE_HEAD, torch.bfloat16, "mean"),
        (ONE_HEAD, torch.float16, "none"),
        (COUPLED, torch.bfloat16, "none"),
        (TWO_HEADS, torch.float16, "mean"),
    ],
    ids=str,
)
def test_compiled(name, dtype, reduction):
    logits, labels = batch(dtype=dtype)
    module = fixed(MAKERS[name](reduction=reduction))
    torch._dynamo.reset()

    def value(logits, labels):
        with autocast(dtype):
            return module(logits, labels)

    found = torch.compile(value, fullgraph=True, backend="aot_eager")(logits, labels)
    expected = value(logits, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(one_gradient(found, logits), one_gradient(expected, logits))


@pytest.mark.parametrize("other", [None, np.zeros((4, 3), np.float32), [[1.0]]], ids=str)
def test_wrong_arguments_are_refused_in_the_same_words(other):
    half, labels = torch.zeros(4, 3, dtype=torch.bfloat16), torch.arange(4) % 3
    module = modules.TwoHeadAverageKLoss(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for heads, name in (((half, other), "multi_label_logits"), ((other, half), "logits")):
            refuses(
                lambda heads=heads: module(*heads, labels),
                *("ENUMERATOR", f"{name} is a {type(other).__name__}"),
            )

"""What is found wrong on a device, and what is not computed there."""

from __future__ import annotations

import warnings

import pytest
from cuda_support import counts, faults
from torch_device_support import (
    CPU,
    Event,
    device,
    on_cpu,
    trusted,
)
from torch_support import (
    CLASSES,
    MAKERS,
    ONE_HEAD,
    batch,
    modules,
    refuses,
    torch,
)

from topkloss import TopKLossError, cuda
from topkloss.torch import _device_evaluation, _faults, _trust
from topkloss.torch.cuda import check

__all__ = ["device", "on_cpu", "trusted"]


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

    monkeypatch.setattr(_trust, "_compare", refuse)
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

"""Tensors without memory of their own, and transforms: refused, never read as if not given."""

from __future__ import annotations

import importlib.util

import pytest
from pairwise import pairwise
from torch_support import (
    CLASSES,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    REDUCTIONS,
    batch,
    modules,
    reductions,
    refuses,
    torch,
)

from topkloss.torch import _autograd, _modes, _plain, _tensors
from topkloss.torch._plain import plain_batch

FakeTensorMode = torch._subclasses.FakeTensorMode
forward_ad = torch.autograd.forward_ad
TwoTensor = pytest.importorskip("torch.testing._internal.two_tensor").TwoTensor

# PyTorch's own forward mode and transforms warn of a module that they use.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:FutureWarning"),
]


def twice(tensor):
    """A tensor that wraps two others, as a DTensor wraps one."""
    return TwoTensor(tensor.detach(), tensor.detach().clone())


def functional(tensor):
    """What `torch.func.functionalize` and compilers pass on."""
    return torch._to_functional_tensor(tensor.detach())


WRAPPERS = pytest.mark.parametrize("wrapped", [twice, functional])
WORDS = "without memory of its own"


@WRAPPERS
@reductions
def test_logits_and_labels(wrapped, reduction):
    logits, labels = batch()
    module = MAKERS[ONE_HEAD](reduction=reduction)
    for requires_grad in (False, True):
        there = wrapped(logits).requires_grad_(requires_grad)
        refuses(lambda there=there: module(there, labels), "ENUMERATOR", "logits is a", WORDS)
    there = wrapped(labels)
    refuses(lambda: module(logits, there), "ENUMERATOR", "labels is a", WORDS)
    assert plain_batch(wrapped(logits), labels) is None
    assert plain_batch(logits, wrapped(labels)) is None


@WRAPPERS
def test_what_the_library_would_take_for_not_given(wrapped):
    """Weights, noise, and what multiplies the rows' gradients."""
    logits, labels = batch()
    weight, noise = torch.arange(6.0), torch.randn(6, 5, CLASSES)
    refuses(
        lambda: MAKERS[ONE_HEAD]()(logits, labels, sample_weight=wrapped(weight)),
        *("ENUMERATOR", "sample_weight is a", WORDS),
    )
    refuses(
        lambda: MAKERS[NOISED]()(logits, labels, noise=wrapped(noise)),
        *("ENUMERATOR", "noise is a", WORDS),
    )
    evaluation = MAKERS[COUPLED](reduction="none")._evaluation(logits, labels, None)
    refuses(lambda: evaluation.run((True,), wrapped(weight)), "ENUMERATOR", "upstream is a", WORDS)


def test_fake_tensors():
    with FakeTensorMode():
        logits, labels = torch.zeros(6, CLASSES), torch.zeros(6, dtype=torch.int64)
    refuses(lambda: MAKERS[ONE_HEAD]()(logits, labels), "ENUMERATOR", "is a FakeTensor", WORDS)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_transforms_of_functions(requires_grad):
    logits, labels = batch(requires_grad=requires_grad)
    module = MAKERS[ONE_HEAD]()
    stacked = torch.stack([logits, logits])
    for transformed in (
        lambda: torch.func.grad(module)(logits, labels),
        lambda: torch.func.vmap(module, (0, None))(stacked, labels),
        lambda: torch.func.jvp(lambda x: module(x, labels), (logits,), (logits,)),
    ):
        refuses(transformed, "ENUMERATOR", WORDS, "torch.func")


def test_nothing_without_elements_is_a_wrapper():
    logits, labels = torch.zeros(0, CLASSES), torch.zeros(0, dtype=torch.int64)
    assert _tensors.has_memory(logits)
    assert MAKERS[ONE_HEAD]()(logits, labels) == 0


@pairwise(name=[ONE_HEAD, NOISED, COUPLED], recorded=[False, True], reduction=REDUCTIONS)
def test_forward_mode(name, reduction, recorded):
    """Where the loss would have no tangent, it says so; a dual level alone is no reason to."""
    module = MAKERS[name](reduction=reduction)
    logits, labels = batch(requires_grad=recorded)
    weight = torch.ones(6)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(logits, torch.ones_like(logits))
        with pytest.raises(RuntimeError, match="no forward-mode derivative"):
            module(dual, labels)
        tangent = forward_ad.make_dual(weight, weight)
        refuses(
            lambda: module(logits, labels, sample_weight=tangent), "OPTION", "sample_weight has"
        )
        assert module(logits, labels, sample_weight=weight).shape == module(logits, labels).shape


def test_forward_mode_of_the_operator():
    scores, _ = batch(requires_grad=False)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(scores, torch.ones_like(scores))
        with pytest.raises(RuntimeError, match="no forward-mode derivative"):
            modules.noised_topk(dual, 3)


@reductions
def test_tracers_that_would_make_a_constant_of_the_value(reduction):
    logits, labels = batch(requires_grad=False)
    module = MAKERS[ONE_HEAD](reduction=reduction)
    make_fx = importlib.import_module("torch.fx.experimental.proxy_tensor").make_fx
    with pytest.raises(RuntimeError, match=r"use torch[.]compile or torch[.]export"):
        make_fx(lambda x: module(x, labels))(logits)
    with pytest.raises(RuntimeError, match=r"use torch[.]compile or torch[.]export"):
        torch.jit.trace(lambda x: module(x, labels), (logits,))
    assert module(logits, labels).isfinite().all()


@reductions
def test_without_names_that_are_not_public(monkeypatch, reduction):
    """Where a PyTorch has them no longer, calls go the longer way, to the same answers."""
    spec = importlib.util.spec_from_file_location("careful", _modes.__file__)
    careful = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as lost:
        lost.delattr(torch._C, "_len_torch_dispatch_stack")
        lost.delattr(torch.jit, "is_tracing")
        lost.delattr(forward_ad, "_current_level")
        spec.loader.exec_module(careful)
        assert careful.in_forward_mode()
    assert careful.dispatch_modes()
    assert not careful.is_traced()

    logits, labels = batch()
    module = MAKERS[ONE_HEAD](reduction=reduction)
    answers = []
    for careful_too in (False, True):
        if careful_too:
            monkeypatch.setattr(_plain, "dispatch_modes", careful.dispatch_modes)
            monkeypatch.setattr(_plain, "is_traced", careful.is_traced)
            for modes in (_modes, _autograd):
                monkeypatch.setattr(modes, "in_forward_mode", lambda: True)
        assert (plain_batch(logits, labels) is None) == careful_too
        value = module(logits, labels)
        answers.append((value, *torch.autograd.grad(value.sum(), logits)))
    torch.testing.assert_close(*answers, rtol=0, atol=0)

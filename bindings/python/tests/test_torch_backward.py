"""Backward passes of one value, in turn or many at once: what they hand out is the caller's."""

from __future__ import annotations

import importlib

import pytest
from torch_support import (
    COUPLED,
    MAKERS,
    TWO_HEADS,
    WAYS,
    batch,
    call,
    fixed,
    gradient_of,
    modules,
    reductions,
    torch,
    ways,
)

from topkloss.torch import _autograd, _modes


def _operator(logits, labels):  # noqa: ARG001
    return modules.noised_topk(logits, 3)


FUNCTIONS = {
    **{name: lambda name=name: fixed(MAKERS[name]()) for name in WAYS},
    "by row": lambda: fixed(MAKERS[COUPLED](reduction="none")),
    "operator": lambda: _operator,
}
functions = pytest.mark.parametrize("name", FUNCTIONS)


@functions
def test_what_is_handed_out_may_be_changed(name):
    """Unseen by PyTorch, in NumPy, and by what comes after."""
    logits, labels = batch()
    value = FUNCTIONS[name]()(logits, labels)
    ones = torch.ones_like(value)
    value.backward(ones, retain_graph=True)
    expected = logits.grad.clone()
    for _ in range(2):
        logits.grad.numpy()[...] = 7
        logits.grad = None
        value.backward(ones, retain_graph=True)
        assert torch.equal(logits.grad, expected)
    torch.autograd.grad(value, logits, ones, retain_graph=True)[0].mul_(3)
    assert torch.equal(gradient_of(value, logits, upstream=ones), expected)


@functions
def test_a_view_between_leaf_and_loss(name):
    """What is accumulated into is then what a backward pass handed out."""
    logits, labels = batch()
    once = gradient_of(FUNCTIONS[name]()(logits, labels).sum(), logits)
    value = FUNCTIONS[name]()(logits.view(logits.shape), labels)
    for _ in range(4):
        value.backward(torch.ones_like(value), retain_graph=True)
    torch.testing.assert_close(logits.grad, 4 * once)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_gradient_that_is_not_kept_is_scaled_where_it_is(is_kept):
    """No second matrix of the logits' size is made where the first is not needed any more."""
    logits, labels = batch()
    value = MAKERS["ldam"]()(logits, labels)
    once = torch.autograd.grad(value, logits, retain_graph=True)[0].clone()
    (kept,) = value.grad_fn.saved_tensors
    place = kept.data_ptr()
    twice = torch.tensor(2.0, dtype=torch.float64)
    (found,) = torch.autograd.grad(value, logits, twice, retain_graph=is_kept)
    assert (found.data_ptr() == place) is not is_kept
    assert torch.equal(found, 2 * once)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_graph():
    logits, labels = batch()
    torch._dynamo.reset()
    module = MAKERS[TWO_HEADS]()
    second = logits.detach() / 2
    function = torch.compile(
        lambda z: module(z.view(z.shape), second, labels), fullgraph=True, backend="aot_eager"
    )
    config = importlib.import_module("torch._functorch.config")
    with config.patch(donated_buffer=False):  # as PyTorch asks where graphs are retained
        value = function(logits)
        expected = torch.autograd.grad(value, logits, retain_graph=True)[0].clone()
        for _ in range(3):
            value.backward(retain_graph=True)
            assert torch.equal(logits.grad, expected)
            logits.grad.numpy()[...] = 7
            logits.grad = None


def test_where_pytorch_does_not_tell_whether_a_graph_is_kept(monkeypatch):
    monkeypatch.setattr(_autograd, "graph_is_kept", _modes._always)
    test_what_is_handed_out_may_be_changed(TWO_HEADS)


def test_one_backward_pass_copies_nothing():
    """The gradient that a plain one hands out is the memory that the library wrote to."""
    logits, labels = batch()
    value = modules.CrossEntropyLoss()(logits, labels)
    kept = value.grad_fn.saved_tensors[0].data_ptr()
    value.backward()
    assert logits.grad.data_ptr() == kept


@ways
@reductions
def test_many_at_once(name, reduction):
    """As Jacobians are asked for."""
    logits, labels = batch()
    value = fixed(MAKERS[name](reduction=reduction))(logits, labels)
    upstream = torch.randn((3, *value.shape), dtype=torch.float64)

    def at_once():
        return torch.autograd.grad(
            value, logits, upstream, is_grads_batched=True, retain_graph=True
        )[0]

    if (name, reduction) == (COUPLED, "none"):
        with pytest.raises(RuntimeError, match="leave out is_grads_batched"):
            at_once()
        return
    found = at_once()
    for each, factors in zip(found, upstream, strict=True):
        one = torch.autograd.grad(value, logits, factors, retain_graph=True)[0]
        torch.testing.assert_close(each, one)


def test_jacobians_at_once():
    logits, labels = batch()
    loss = call(MAKERS[TWO_HEADS](reduction="none"))
    found, expected = (
        torch.autograd.functional.jacobian(
            lambda z: loss(z, labels), logits.detach(), vectorize=vectorize
        )
        for vectorize in (True, False)
    )
    assert torch.equal(found, expected)

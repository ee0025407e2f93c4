"""Losses by row whose rows depend on each other: their gradient waits for the backward pass."""

from __future__ import annotations

import threading

import pytest
from torch_support import COUPLED, MAKERS, batch, gradient_of, torch

from topkloss.torch import _evaluation


def coupled():
    return MAKERS[COUPLED](reduction="none")


@pytest.mark.parametrize("changed", ["logits", "labels", "weights"])
def test_what_changes_before_the_backward_pass_is_noticed(changed):
    """The gradient of coupled rows is computed there."""
    logits, labels = batch()
    tensors = {"logits": logits * 1, "labels": labels, "weights": torch.ones(6).double()}
    values = coupled()(tensors["logits"], tensors["labels"], sample_weight=tensors["weights"])
    with torch.no_grad():
        tensors[changed].mul_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_an_upstream_that_overflowed(bad):
    """As with loss scaling: the gradient says so, and the optimizer can skip the step."""
    logits, labels = batch()
    upstream = torch.ones(6, dtype=torch.float64)
    upstream[1] = bad
    gradient = gradient_of(coupled()(logits, labels), logits, upstream=upstream)
    assert gradient.shape == logits.shape
    assert gradient.isnan().all()


def test_backward_passes_of_one_value_do_not_mix(monkeypatch):
    """Both have said what multiplies the rows' gradients before either calls the library."""
    logits, labels = batch()
    value = coupled()(logits, labels)
    upstreams = [torch.arange(6.0, dtype=torch.float64), torch.ones(6, dtype=torch.float64)]
    expected = [
        torch.autograd.grad(value, logits, each, retain_graph=True)[0] for each in upstreams
    ]
    assert not torch.allclose(*expected)

    call, ready = _evaluation.call, threading.Barrier(2)

    def together(*arguments):
        ready.wait(timeout=20)
        return call(*arguments)

    monkeypatch.setattr(_evaluation, "call", together)
    found = [None, None]

    def differentiate(index):
        (found[index],) = torch.autograd.grad(value, logits, upstreams[index], retain_graph=True)

    threads = [threading.Thread(target=differentiate, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)

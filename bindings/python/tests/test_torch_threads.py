"""One value, differentiated by several threads at once."""

from __future__ import annotations

import threading

from torch_support import MAKERS, batch, torch

from topkloss.torch import _evaluation


def test_backward_passes_of_one_value_do_not_mix(monkeypatch):
    """Both have said what multiplies the rows' gradients before either calls the library."""
    logits, labels = batch()
    value = MAKERS["expected_positive"](reduction="none")(logits, labels)
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

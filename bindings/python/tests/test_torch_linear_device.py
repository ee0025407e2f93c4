"""The last layer and a loss together, on a device that the processor plays."""

from __future__ import annotations

import pytest
from cuda_support import counts
from linear_support import layer, with_gradients
from torch_device_support import assert_near, device, on_cpu, trusted
from torch_support import MAKERS, NOISED, ONE_HEAD, TWO_HEADS, torch

from topkloss.torch import linear_loss

__all__ = ["device", "on_cpu", "trusted"]

CHUNK = 3 * 21 * 4
"""Three rows of seven."""


@pytest.mark.parametrize("name", [ONE_HEAD, NOISED, TWO_HEADS])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.usefixtures("trusted")
def test_the_answers_of_the_cpu(name, reduction, on_cpu):
    criterion = MAKERS[name](reduction=reduction)
    *given, labels = layer(dtype=torch.float32)
    if name == TWO_HEADS:
        given[1:] = (each[:20].detach().requires_grad_() for each in given[1:])
        labels %= 10
    labels[2] = -100
    weight = torch.arange(1.0, 8.0)

    def answer(chunk):
        criterion.eval()  # the same noise in every call
        value = linear_loss(
            criterion, given[0], given[1], labels, given[2], sample_weight=weight, chunk_bytes=chunk
        )
        return with_gradients(value, *given)

    expected = on_cpu(lambda: answer(10_000))
    before = counts().launches
    found = answer(CHUNK)
    assert counts().launches > before, "it was staged"
    for one, other in zip(found, expected, strict=True):
        assert_near(one, other, torch.float32)


@pytest.mark.usefixtures("trusted")
def test_what_is_wrong_is_found_there():
    inputs, weight, _, labels = layer(dtype=torch.float32)
    negative = -torch.ones(7)
    value = linear_loss(MAKERS[ONE_HEAD](), inputs, weight, labels, sample_weight=negative)
    assert value.isnan()

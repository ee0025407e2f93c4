"""The last layer and a loss together: layers to test it on, and what its answers are to be."""

from __future__ import annotations

import pytest
from support import FLOAT64, LINEAR_BARS
from torch_support import CLASSES, MAKERS, modules, torch

from topkloss.torch import _linear_chunks, linear_loss

functional = torch.nn.functional

WIDTH = 5
FEW = 3 * CLASSES * 8
"""Bytes of three rows of float64 scores: of seven rows, the last chunk has one."""

SINGLE = [
    name for name, make in MAKERS.items() if not make().loss._traits.rows_are_compared(make().loss)
]
each = pytest.mark.parametrize("name", SINGLE)
reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def layer(rows=7, dtype=torch.float64, seed=4):
    """Inputs, weight, bias and labels."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (rows, WIDTH), (CLASSES, WIDTH), (CLASSES,)
    made = [torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5 for shape in shapes]
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    return *[each.to(dtype).requires_grad_() for each in made], labels


def options_of(module):
    return {"step": 7} if isinstance(module, modules.NoisedTopKLoss) else {}


def with_gradients(value, *given):
    upstream = torch.arange(1, value.numel() + 1).to(value).reshape(value.shape)
    return value.detach(), *torch.autograd.grad(value, given, upstream)


def agree(module, inputs, weight, labels, bias, **options):
    """Chunks have the answer of the whole: to rounding, which depends on the products' sizes."""
    given = [each for each in (inputs, weight, bias) if each is not None]
    options |= options_of(module)
    found = linear_loss(module, inputs, weight, labels, bias, chunk_bytes=FEW, **options)
    expected = module(functional.linear(inputs, weight, bias), labels, **options)
    for one, other in zip(
        with_gradients(found, *given), with_gradients(expected, *given), strict=True
    ):
        torch.testing.assert_close(one, other, **LINEAR_BARS[FLOAT64])


def seen(monkeypatch):
    """The batches and results that the library is called with."""
    call, every = _linear_chunks.call, []

    def noted(owner, batch, result):
        every.append((batch, result))
        return call(owner, batch, result)

    monkeypatch.setattr(_linear_chunks, "call", noted)
    return every

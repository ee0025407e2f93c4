"""Batches that several processes have parts of, computed on the device that has them."""

from __future__ import annotations

import pytest
from cuda_support import counts
from torch_device_support import assert_near, device, on_cpu, skip_unless_computed
from torch_support import MAKERS, SECOND_HEAD, WAYS, batch, torch

from topkloss.torch.distributed import GlobalBatch

__all__ = ["device", "on_cpu"]


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_answers_and_what_they_are_divided_by(name, reduction, on_cpu):
    single, parts = (MAKERS[name](reduction=reduction) for _ in range(2))
    skip_unless_computed(single, torch.float32)
    logits, labels = batch(dtype=torch.float32)
    labels[2] = -100
    second = [SECOND_HEAD[: len(logits)].float()] * (single.loss._traits.heads - 1)
    weight = torch.arange(6.0)

    def derived(module):
        value = module(logits, *second, labels, sample_weight=weight)
        return value.detach(), torch.autograd.grad(value, logits)[0]

    before = counts().launches
    found = derived(GlobalBatch(parts))
    assert counts().launches > before
    for one, other in zip(found, on_cpu(lambda: derived(single)), strict=True):
        assert_near(one, other, torch.float32)

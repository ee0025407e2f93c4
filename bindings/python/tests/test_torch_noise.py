"""Losses that draw noise as modules: noise of the caller's."""

from __future__ import annotations

import numpy as np
import pytest
from torch_support import CLASSES, batch, modules, refuses, torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_noise_is_the_same_as_on_arrays(dtype):
    logits, labels = batch(dtype=dtype)
    noise = torch.randn((6, 5, CLASSES), dtype=torch.float64)
    module = modules.NoisedTopKLoss(3)
    arithmetic = np.float64 if dtype == torch.float64 else np.float32
    value = module(logits, labels, noise=noise)
    value.backward()
    expected = module.loss.value_and_grad(
        logits.detach(), labels, noise=noise.numpy().astype(arithmetic)
    )
    assert value.item() == torch.tensor(expected[0], dtype=dtype).item()
    assert logits.grad.double().numpy().tolist() == expected[1].astype("f8").tolist()
    by_class = noise.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(module(logits, labels, noise=by_class), value)
    shared = noise[:1].expand(6, 5, CLASSES)
    assert torch.equal(
        module(logits, labels, noise=shared), module(logits, labels, noise=shared.clone())
    )


def test_the_exact_estimator_has_none():
    logits, labels = batch()
    loss = modules.NoisedTopKLoss(3, estimator="exact")
    assert loss(logits, labels) == loss(logits, labels)
    refuses(lambda: loss(logits, labels, noise=torch.zeros(6, 5, CLASSES)), "OPTION", "noise")

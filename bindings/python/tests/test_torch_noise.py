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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("compiled", [False, True])
def test_evaluation_draws_the_same_noise_in_every_call(compiled):
    """So that values of validations compare; and its calls are not counted."""
    logits, labels = batch()
    module = modules.NoisedTopKLoss(3)
    torch._dynamo.reset()
    function = torch.compile(module, backend="aot_eager") if compiled else module
    counted = [function(logits, labels).item() for _ in range(2)]
    module.eval()
    values = {function(logits, labels).item() for _ in range(3)}
    assert values == {module.loss(logits.detach(), labels, step=(1 << 64) - 1)}
    assert module.loss._steps.next == 2
    assert function(logits, labels, step=1).item() == counted[1]
    module.train()
    assert function(logits, labels).item() == module.loss(logits.detach(), labels, step=2)


def test_processes_that_train_together_draw_noise_by_their_seeds():
    logits, labels = batch()
    ranks = [modules.NoisedTopKLoss(3, seed=rank) for rank in range(4)]
    for rank in ranks[1:]:  # from one process's checkpoint
        rank.load_state_dict(ranks[0].state_dict())
    assert len({rank(logits, labels).item() for rank in ranks}) == 4

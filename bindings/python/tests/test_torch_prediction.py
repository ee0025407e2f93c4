"""Regressions on teacher vectors, which have rules to predict by."""

from __future__ import annotations

import pytest
from torch_support import CLASSES, COUNTS, batch, modules, refuses, torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_predictions(dtype):
    logits, _ = batch(50, dtype)
    loss = modules.OutlyingMSELoss(COUNTS, 0.05)
    assert torch.equal(loss.predict(logits), logits.detach().double().argmax(1))
    teacher = torch.from_numpy(loss.loss.teacher.copy())
    scores = teacher * (2 * logits.detach().double() - teacher)
    nearest = loss.predict(logits, "nearest")
    assert nearest.dtype == torch.int64
    assert torch.equal(nearest, scores.argmax(1))
    assert torch.equal(loss.predict(logits.t().contiguous().t(), rule="nearest"), nearest)
    assert not torch.equal(nearest, loss.predict(logits, "argmax"))


def test_bad_predictions():
    loss = modules.OutlyingMSELoss(COUNTS)
    logits = torch.zeros(4, CLASSES)
    refuses(lambda: loss.predict(logits, "best"), "ENUMERATOR", "rule is 'best'")
    refuses(lambda: loss.predict(logits.to("meta")), "ENUMERATOR", "on the device meta")
    refuses(lambda: loss.predict(logits.numpy()), "ENUMERATOR", "logits is a ndarray")
    refuses(lambda: loss.predict(logits[0, 0]), "SIZE", "logits has shape ()")
    refuses(lambda: loss.predict(logits[:, :5]), "SIZE", "5")

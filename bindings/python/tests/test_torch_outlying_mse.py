"""Mean squared error with outlying label as a module."""

from __future__ import annotations

import numpy as np
import pytest
from torch_support import CLASSES, COUNTS, assert_same, batch, dtypes, modules, refuses, torch

RANKS = torch.from_numpy(np.argsort(np.argsort(-COUNTS, kind="stable"))) + 1.0


@pytest.mark.parametrize("own", [False, True])
def test_is_pytorchs_mean_squared_error(own):
    logits, labels = batch(50)
    teacher = torch.linspace(-1, 4, CLASSES, dtype=torch.float64) if own else 0.3 * RANKS.double()
    loss = modules.OutlyingMSELoss(teacher=teacher) if own else modules.OutlyingMSELoss(COUNTS, 0.3)
    np.testing.assert_allclose(loss.loss.teacher, teacher.numpy(), rtol=1e-15)
    targets = torch.nn.functional.one_hot(labels, CLASSES) * teacher
    expected = torch.nn.functional.mse_loss(logits, targets)
    assert_same(loss(logits, labels), expected, logits)


@dtypes
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
    refuses(lambda: loss.predict(logits[0]), "SIZE", "logits has shape (21,)")
    refuses(lambda: loss.predict(logits[:, :5]), "SIZE", "5")

"""Tensors in the functions for arrays."""

from __future__ import annotations

import sys

import pytest
from torch_support import COUNTS, batch, dtypes, refuses, torch

import topkloss
from topkloss import TopKLossError


@dtypes
def test_tensors_as_arrays(dtype):
    logits, labels = batch(dtype=dtype, requires_grad=False)
    loss = topkloss.LogitAdjustedLoss(torch.from_numpy(COUNTS))
    wide = logits.double().numpy()
    value, gradient = loss.value_and_grad(logits, labels)
    assert value == pytest.approx(loss(wide, labels.numpy()), rel=1e-6)
    assert gradient.dtype.name == str(dtype).partition(".")[2]
    view = logits.t().contiguous().t()
    assert loss.value_and_grad(view, labels)[1].tobytes() == gradient.tobytes()


def test_tensors_of_bfloat16_without_ml_dtypes(monkeypatch):
    logits, labels = batch(dtype=torch.bfloat16, requires_grad=False)
    loss = topkloss.CrossEntropyLoss()
    expected = loss.value_and_grad(logits, labels)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert loss(logits, labels) == expected[0]
    with pytest.raises(TopKLossError, match="need the package ml_dtypes"):
        loss.value_and_grad(logits, labels)
    weights = torch.ones(6, dtype=torch.bfloat16)
    assert loss(logits, labels, sample_weight=weights) == expected[0]


def exports_versions():
    try:
        torch.zeros(1).__dlpack__(max_version=(1, 0))
    except TypeError:
        return False
    return True


@pytest.mark.skipif(not exports_versions(), reason="this PyTorch exports no versioned capsules")
@dtypes
def test_tensors_as_outputs(dtype):
    logits, labels = batch(dtype=dtype, requires_grad=False)
    expected = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)[1]
    _, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, labels, out=logits)
    assert gradient is logits
    assert logits.double().numpy().tolist() == expected.astype("f8").tolist()


def test_tensors_with_a_gradient_must_be_detached():
    logits, labels = batch()
    refuses(lambda: topkloss.CrossEntropyLoss()(logits, labels), "ENUMERATOR", "logits", "detach")

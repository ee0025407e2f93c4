"""Wrong arguments to modules: errors that name what is wrong, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest
from torch_support import (
    CLASSES,
    MAKERS,
    TWO_HEADS,
    call,
    modules,
    reductions,
    refuses,
    torch,
    ways,
)

LABELS = torch.arange(4)


BAD_LOGITS = [
    (torch.zeros((4, CLASSES), device="meta"), "ENUMERATOR", ["logits is on the device meta"]),
    (torch.zeros(4, CLASSES, dtype=torch.cfloat), "ENUMERATOR", ["logits has dtype"]),
    (torch.zeros(4, CLASSES).to_sparse(), "ENUMERATOR", ["torch.sparse_coo"]),
    (torch.zeros(4, CLASSES).long(), "ENUMERATOR", ["logits has dtype torch.int64"]),
    (np.zeros((4, CLASSES)), "ENUMERATOR", ["logits is a ndarray"]),
]


@ways
@reductions
def test_logits(name, reduction):
    module = call(MAKERS[name](reduction=reduction))
    for logits, status, words in BAD_LOGITS:
        for requires_grad in (False, True):
            if isinstance(logits, torch.Tensor) and logits.dtype != torch.int64:
                logits = logits.clone().requires_grad_(requires_grad)
            refuses(lambda given=logits: module(given, LABELS), status, *words)


BAD_LABELS = [
    (torch.tensor([0, 1, 21, 3]), "LABEL", ["labels[2]", 21]),
    (torch.arange(3), "SIZE", ["labels has shape (3,)", "must be (4,)"]),
    (torch.zeros(4, 1, dtype=torch.int64), "SIZE", ["shape (4, 1)", "give labels.squeeze(1)"]),
    (torch.zeros(4, CLASSES, dtype=torch.int64), "SIZE", ["give class indices, or soft labels"]),
    (torch.zeros(4), "ENUMERATOR", ["labels has dtype torch.float32", "soft labels", "(4, 21)"]),
    (torch.zeros(4, dtype=torch.bool), "ENUMERATOR", ["labels has dtype torch.bool"]),
    (torch.zeros(4, dtype=torch.int64, device="meta"), "ENUMERATOR", ["labels", "meta"]),
    ([0, 1, 2, 3], "ENUMERATOR", ["labels is a list"]),
]


@ways
def test_labels(name):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    module = call(MAKERS[name]())
    for labels, status, words in BAD_LABELS:
        refuses(lambda given=labels: module(logits, given), status, *words)


BAD_WEIGHTS = [
    (torch.ones(3), "SIZE", ["sample_weight has shape (3,)", "must be (4,)"]),
    (torch.tensor([1, float("nan"), 1, 1]), "NOT_FINITE", ["sample_weight[1]"]),
    (torch.tensor([1, 0.0, -0.5, 1]), "OPTION", ["sample_weight has the value -0.5"]),
    (torch.ones(4, dtype=torch.cfloat), "ENUMERATOR", ["sample_weight has dtype"]),
    (torch.ones(4, requires_grad=True), "OPTION", ["sample_weight requires a gradient"]),
]


@ways
@reductions
def test_sample_weight(name, reduction):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    module = call(MAKERS[name](reduction=reduction))
    for weight, status, words in BAD_WEIGHTS:
        refuses(lambda given=weight: module(logits, LABELS, sample_weight=given), status, *words)


def test_bad_noise():
    loss = modules.NoisedTopKLoss(3)
    logits = torch.zeros(4, CLASSES)
    refuses(lambda: loss(logits, LABELS, noise=torch.zeros(4, CLASSES, 5)), "SIZE", "noise")
    noise = torch.zeros(4, 5, CLASSES, requires_grad=True)
    refuses(lambda: loss(logits, LABELS, noise=noise), "OPTION", "noise requires a gradient")
    refuses(lambda: loss(logits, LABELS, step=-1), "OPTION", "step is -1")


def test_a_value_beyond_float32_is_infinite():
    logits = torch.tensor([[3e38, -3e38], [3e38, -3e38]], requires_grad=True)
    loss = modules.CrossEntropyLoss(reduction="sum")
    assert loss(logits, torch.tensor([1, 1])) == torch.inf
    loss(logits, torch.tensor([1, 1])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("requires_grad", [False, True])
def test_heads_on_different_devices(requires_grad):
    logits = torch.zeros(4, CLASSES, requires_grad=requires_grad)
    elsewhere = torch.zeros((4, CLASSES), device="meta", requires_grad=requires_grad)
    refuses(
        lambda: MAKERS[TWO_HEADS]()(logits, elsewhere, LABELS),
        *("ENUMERATOR", "multi_label_logits is on the device meta, the logits on cpu"),
    )

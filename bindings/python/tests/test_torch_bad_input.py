"""Wrong arguments to modules: errors that name what is wrong, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest
from torch_support import CLASSES, MAKERS, call, each, modules, refuses, torch

LABELS = torch.arange(4)


@each
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(
    ("logits", "status", "words"),
    [
        (torch.zeros(CLASSES), "SIZE", ["logits has shape (21,)", "(1, C)"]),
        (torch.zeros(2, 2, CLASSES), "SIZE", ["logits has shape (2, 2, 21)"]),
        (torch.zeros((4, CLASSES), device="meta"), "ENUMERATOR", ["logits is on the device meta"]),
        (torch.zeros(4, CLASSES, dtype=torch.cfloat), "ENUMERATOR", ["logits has dtype"]),
        (torch.zeros(4, CLASSES).to_sparse(), "ENUMERATOR", ["torch.sparse_coo"]),
    ],
    ids=["vector", "three", "meta", "complex", "sparse"],
)
def test_logits(name, logits, status, words, requires_grad):
    logits = logits.clone().requires_grad_(requires_grad)
    refuses(lambda: call(MAKERS[name]())(logits, LABELS), status, *words)


@each
def test_logits_that_are_no_floats_or_no_tensors(name):
    loss = call(MAKERS[name]())
    integers = torch.zeros(4, CLASSES, dtype=torch.int64)
    refuses(lambda: loss(integers, LABELS), "ENUMERATOR", "logits has dtype torch.int64")
    refuses(lambda: loss(np.zeros((4, CLASSES)), LABELS), "ENUMERATOR", "logits is a ndarray")


@each
@pytest.mark.parametrize(
    ("labels", "status", "words"),
    [
        (torch.tensor([0, 1, 21, 3]), "LABEL", ["labels[2]", 21]),
        (torch.arange(3), "SIZE", ["labels has shape (3,)", "4 rows"]),
        (torch.zeros(4, 1, dtype=torch.int64), "SIZE", ["labels has shape (4, 1)"]),
        (torch.zeros(4), "ENUMERATOR", ["labels has dtype torch.float32"]),
        (torch.zeros(4, dtype=torch.bool), "ENUMERATOR", ["labels has dtype torch.bool"]),
        (torch.zeros(4, dtype=torch.int64, device="meta"), "ENUMERATOR", ["labels", "meta"]),
        ([0, 1, 2, 3], "ENUMERATOR", ["labels is a list"]),
    ],
    ids=str,
)
def test_labels(name, labels, status, words):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    refuses(lambda: call(MAKERS[name]())(logits, labels), status, *words)


@each
@pytest.mark.parametrize(
    ("weight", "status", "words"),
    [
        (torch.ones(3), "SIZE", ["sample_weight has shape (3,)", "4 rows"]),
        (torch.tensor([1, float("nan"), 1, 1]), "NOT_FINITE", ["sample_weight[1]"]),
        (torch.ones(4, dtype=torch.cfloat), "ENUMERATOR", ["sample_weight has dtype"]),
        (torch.ones(4, requires_grad=True), "OPTION", ["sample_weight requires a gradient"]),
    ],
    ids=str,
)
def test_sample_weight(name, weight, status, words):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    refuses(lambda: call(MAKERS[name]())(logits, LABELS, sample_weight=weight), status, *words)


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
        lambda: MAKERS["two_head"]()(logits, elsewhere, LABELS),
        *("ENUMERATOR", "multi_label_logits is on the device meta, the logits on cpu"),
    )

"""The modules under test, how to call them all alike, and batches to test them on."""

from __future__ import annotations

import numpy as np
import pytest
from support import long_tail

from topkloss import TopKLossError

torch = pytest.importorskip("torch")

import topkloss.torch as modules  # noqa: E402

CLASSES = 21
COUNTS = long_tail(CLASSES, np.random.default_rng(3))

WITH_CLASS_WEIGHT = {
    "cross_entropy": lambda **o: modules.CrossEntropyLoss(**o),
    "logit_adjusted": lambda **o: modules.LogitAdjustedLoss(COUNTS, **o),
    "vector_scaling": lambda **o: modules.VectorScalingLoss(COUNTS, **o),
    "ldam": lambda **o: modules.LDAMLoss(COUNTS, **o),
    "elm": lambda **o: modules.ELMLoss(COUNTS, **o),
    "margin_softmax": lambda **o: modules.MarginSoftmaxLoss(
        offset=np.cos(COUNTS), class_scale=1 + np.sin(COUNTS) ** 2, scale=2.0, lam=0.3, **o
    ),
    "focal": lambda **o: modules.FocalLoss(1.5, **o),
}
# Those with hinges have margins so wide that every row is active.
WITHOUT = {
    "hinge": lambda **o: modules.TopKHingeLoss(3, margin=5.0, **o),
    "noised": lambda **o: modules.NoisedTopKLoss(3, margin=5.0, **o),
    "exact": lambda **o: modules.NoisedTopKLoss(3, margin=9.0, estimator="exact", **o),
    "smooth_svm": lambda **o: modules.SmoothTopKSVMLoss(3, **o),
    "outlying_mse": lambda **o: modules.OutlyingMSELoss(COUNTS, 0.3, **o),
    "assume_negative": lambda **o: modules.SinglePositiveLoss(**o),
    "weak": lambda **o: modules.SinglePositiveLoss("wan", **o),
    "expected_positive": lambda **o: modules.SinglePositiveLoss(
        "epr", expected_positives=2.0, regularization=30.0, **o
    ),
}
ONE_HEAD = {**WITH_CLASS_WEIGHT, **WITHOUT}
MAKERS = {
    **ONE_HEAD,
    "two_head": lambda **o: modules.TwoHeadAverageKLoss(2.5, **o),
    "two_head_decay": lambda **o: modules.TwoHeadAverageKLoss(2.5, threshold_decay=0.8, **o),
}
one_head = pytest.mark.parametrize("name", ONE_HEAD)
each = pytest.mark.parametrize("name", MAKERS)

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def batch(rows=6, dtype=torch.float64, requires_grad=True, seed=5):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand((rows, CLASSES), generator=generator, dtype=torch.float64) * 2 - 1
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    return logits.to(dtype).requires_grad_(requires_grad), labels


SECOND_HEAD = batch(60, requires_grad=False, seed=6)[0]


def call(module):
    """The module as a function of logits and labels, whatever else it takes."""
    if isinstance(module, modules.TwoHeadAverageKLoss):

        def two_heads(logits, labels, **options):
            second = SECOND_HEAD[: len(logits)]
            if isinstance(logits, torch.Tensor):
                second = second.to(logits.dtype)
            return module(logits, second, labels, **options)

        return two_heads
    return module


def fixed(module):
    """The same, with the same noise and the same threshold in every call."""
    if isinstance(module, modules.NoisedTopKLoss):
        return lambda *args, **options: module(*args, step=7, **options)
    return call(module.eval())


def gradient_of(value, *inputs, upstream=None):
    """What autograd finds, of one input or of several."""
    found = torch.autograd.grad(value, inputs, upstream)
    return found[0] if len(found) == 1 else found


def assert_same(module, expected, *inputs, upstream=None):
    """Two values in float64, and their gradients, agree but for rounding."""
    torch.testing.assert_close(module, expected, rtol=1e-11, atol=1e-12)
    found = torch.autograd.grad(module, inputs, upstream)
    wanted = torch.autograd.grad(expected, inputs, upstream, retain_graph=True)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def refuses(function, status, *words):
    with pytest.raises(TopKLossError) as caught:
        function()
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    for word in words:
        assert str(word) in str(caught.value)

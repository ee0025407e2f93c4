"""The modules under test, how to call them all alike, and batches to test them on."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from case import CLASS_OF
from losses import CASES
from support import long_tail

from topkloss import TopKLossError

torch = pytest.importorskip("torch")

import topkloss.torch as modules  # noqa: E402

CLASSES = 21
COUNTS = long_tail(CLASSES, np.random.default_rng(3))


def _made(case, **options):
    return getattr(modules, CLASS_OF[case.kind].__name__)(**{**case.options(COUNTS), **options})


def _call_of(case):
    """What a module's way to the library depends on, besides its class."""
    loss = _made(case).loss
    return case.kind, loss._traits.rows_are_coupled(loss), loss._traits.is_random(loss)


MAKERS = {
    case.name: partial(_made, case)
    for case in {_call_of(case): case for case in reversed(CASES)}.values()
}
"""A module of every loss, and where options decide how the library is called, of each way."""

ONE_HEAD, NOISED, COUPLED = "ldam", "noised_topk", "expected_positive"
TWO_HEADS, AVERAGING = "two_head_average_k", "two_head_decay"
MAKERS[AVERAGING] = partial(MAKERS[TWO_HEADS], threshold_decay=0.8)
WAYS = ONE_HEAD, NOISED, COUPLED, TWO_HEADS, AVERAGING
"""One module for each way from a module to the library; COUPLED has its own by row only."""

CONSTANTS = [case.name for case in CASES if not case.has_derivative]
"""Those whose gradient takes some of the value for a constant."""

each = pytest.mark.parametrize("name", MAKERS)
ways = pytest.mark.parametrize("name", WAYS)

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
REDUCTIONS = ["mean", "none"]
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)


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
                second = second.to(logits)
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


def refuses(function, status, *words):
    with pytest.raises(TopKLossError) as caught:
        function()
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    for word in words:
        assert str(word) in str(caught.value)

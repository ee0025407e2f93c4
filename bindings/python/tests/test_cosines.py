"""Losses whose scale is meant for cosines say so, once, of other scores, and of nothing else."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

import topkloss

COUNTS = np.array([40.0, 7.0, 3.0])
MAKERS = {
    "LDAMLoss": lambda **options: topkloss.LDAMLoss(COUNTS, **options),
    "ELMLoss": lambda **options: topkloss.ELMLoss(COUNTS, **options),
    "NoisedTopKLoss": lambda **options: topkloss.NoisedTopKLoss(1, class_counts=COUNTS, **options),
}
every = pytest.mark.parametrize("name", MAKERS)
COSINES = np.array([[1.0, -1.0, 0.3], [0.1, -np.inf, 0.2]])
LABELS = np.array([0, 2])
WORDS = "logits by a scale that is meant for cosines"


def said(function, times):
    """What a function that is called so often says, and what it says last."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            function()
    return [str(one.message) for one in caught], [one.filename for one in caught]


def _call(loss, scores):
    loss(scores, LABELS)


@every
def test_it_is_said_once(name):
    for dtype in (np.float32, np.float64, np.float16):
        loss = MAKERS[name]()
        scores = COSINES.astype(dtype)
        assert said(functools.partial(loss.value_and_grad, scores, LABELS), 9) == ([], [])
        messages, files = said(functools.partial(_call, loss, 3 * scores), 20)
        assert len(messages) == 1
        assert f"{name} multiplies its {WORDS}" in messages[0]
        assert "NormedLinear" in messages[0]
        assert files == [__file__]
        assert said(functools.partial(_call, MAKERS[name](), 3 * scores), 1)[0] == messages


@every
def test_losses_of_every_epoch_say_it_once(name, rng):
    """As `topkloss.class_weights.deferred` has it, a loss an epoch, under Python's own filter."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            MAKERS[name]()(9 * rng.standard_normal((2, 3)), LABELS)
    assert len(caught) == 1


@every
def test_nothing_is_said_where_nothing_is_to_be_told(name):
    """Without a scale, and of masked and bad scores."""
    larger = 3 * COSINES
    assert said(lambda: MAKERS[name](scale=1.0)(larger, LABELS), 3)[0] == []
    masked = np.array([[np.nan, -np.inf, 0.5], [0, 0, 0]])
    assert said(lambda: MAKERS[name]()(masked, LABELS), 3)[0] == []
    assert said(lambda: MAKERS[name]()(larger[:0], LABELS[:0]), 3)[0] == []


def test_other_losses_say_nothing():
    for loss in (topkloss.CrossEntropyLoss(), topkloss.NoisedTopKLoss(1)):
        assert said(lambda loss=loss: loss(9 * COSINES, LABELS), 3)[0] == []


def test_rows_anywhere_and_in_place():
    """The scores are looked at before the gradient is written over them."""
    wide = np.zeros((2, 9))[::-1, 2:5]
    wide[:] = np.where(np.isinf(COSINES), 0, 2 * COSINES)
    loss = MAKERS["LDAMLoss"]()
    messages, _ = said(lambda: loss.value_and_grad(wide, LABELS, out=wide), 2)
    assert len(messages) == 1


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_in_pytorch(kind):
    torch = pytest.importorskip("torch")
    modules = pytest.importorskip("topkloss.torch")
    scores = torch.tensor(COSINES, dtype=getattr(torch, kind)).requires_grad_()
    labels = torch.from_numpy(LABELS)
    module = modules.LDAMLoss(COUNTS)
    assert said(lambda: module(scores, labels).backward(), 5)[0] == []
    messages, files = said(lambda: module(4 * scores, labels).backward(), 9)
    assert len(messages) == 1
    assert files == [__file__]
    module.set_class_weight([1, 2, 3])  # it is the same module
    assert said(lambda: module(4 * scores, labels), 1)[0] == []


def test_in_jax(monkeypatch):
    """By callbacks: nothing looks at the scores that XLA hands to handlers."""
    jax = pytest.importorskip("jax")
    losses = pytest.importorskip("topkloss.jax")
    monkeypatch.setattr("topkloss.jax._evaluation.are_there", lambda: False)
    jax.clear_caches()
    larger = jax.numpy.asarray(np.where(np.isinf(COSINES), 0, 4 * COSINES))

    def evaluate():
        losses.ldam_loss(larger, LABELS, COUNTS).block_until_ready()

    messages, _ = said(evaluate, 3)
    jax.clear_caches()
    assert len(messages) == 1
    assert f"LDAMLoss multiplies its {WORDS}" in messages[0]

"""Losses as objects: their text, their copies, that they cannot change, and that they are freed."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

import topkloss
from topkloss import TopKLossError, _handle

COUNTS = [100, 10, 1]
LOSSES = [
    topkloss.CrossEntropyLoss(class_weight=[1, 2, 3], label_smoothing=0.1),
    topkloss.LogitAdjustedLoss(COUNTS, 0.5, reduction="sum"),
    topkloss.LDAMLoss(COUNTS, scale=10, ignore_index=1),
    topkloss.ELMLoss(COUNTS, lam=0.5, check_finite=True),
    topkloss.NoisedTopKLoss(2, 0.3, seed=2**64 - 1, class_counts=COUNTS, max_margin=0.2),
    topkloss.NoisedTopKLoss(2, 0.3, estimator="exact"),
    topkloss.VectorScalingLoss(COUNTS, 0.5, 0.7, class_weight=[1, 2, 3]),
    topkloss.MarginSoftmaxLoss(offset=[1, 2, 3], margin=[0.1, 0.2, 0.3], lam=0.5),
    topkloss.FocalLoss(1.5, class_weight=[1, 2, 3]),
    topkloss.TopKHingeLoss(2, 0.5),
    topkloss.SmoothTopKSVMLoss(2, 0.5, alpha=0.3),
    topkloss.OutlyingMSELoss(COUNTS, 0.1),
    topkloss.OutlyingMSELoss(teacher=[1, 2, 3]),
    topkloss.SinglePositiveLoss("epr", expected_positives=1.5),
]
losses = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
LOGITS = np.random.default_rng(0).standard_normal((4, 3))
LABELS = [0, 2, 2, 0]


@losses
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(loss, protocol):
    twin = pickle.loads(pickle.dumps(loss, protocol))
    assert repr(twin) == repr(loss)
    expected = copy.copy(loss).value_and_grad(LOGITS, LABELS)
    value, gradient = twin.value_and_grad(LOGITS, LABELS)
    assert value == expected[0]
    assert gradient.tobytes() == expected[1].tobytes()


@losses
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_have_handles_of_their_own(loss, duplicate):
    twin = duplicate(loss)
    assert twin._handle != loss._handle
    expected = duplicate(loss)(LOGITS, LABELS)
    assert twin(LOGITS, LABELS) == expected
    del twin
    gc.collect()
    assert duplicate(loss)(LOGITS, LABELS) == expected


@losses
def test_immutable(loss):
    with pytest.raises(AttributeError, match="immutable"):
        loss.reduction = "sum"
    with pytest.raises(AttributeError, match="immutable"):
        loss.anything = 1
    with pytest.raises(AttributeError, match="immutable"):
        del loss.reduction
    for vector in ("class_counts", "class_weight", "offset", "teacher"):
        if getattr(loss, vector, None) is not None:
            with pytest.raises(ValueError, match="read-only"):
                getattr(loss, vector)[0] = 5


def test_the_callers_vectors_are_copied():
    counts = np.array([3.0, 2.0, 1.0])
    loss = topkloss.LogitAdjustedLoss(counts)
    before = loss(LOGITS, LABELS)
    counts[:] = [1, 2, 3]
    assert loss(LOGITS, LABELS) == before
    np.testing.assert_array_equal(loss.class_counts, [3, 2, 1])


@losses
def test_options_are_attributes(loss):
    for name in inspect.signature(type(loss)).parameters:
        assert hasattr(loss, name)


def test_text():
    assert repr(topkloss.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert (
        repr(topkloss.LogitAdjustedLoss(COUNTS, tau=0.5, reduction="none"))
        == "LogitAdjustedLoss(class_counts=<3 classes>, tau=0.5, reduction='none')"
    )
    assert repr(topkloss.NoisedTopKLoss(5)) == "NoisedTopKLoss(k=5)"


def test_signatures():
    """The names and defaults that are promised."""

    def names(name):
        signature = inspect.signature(getattr(topkloss, name))
        return {p.name: (p.kind.name[0], p.default) for p in signature.parameters.values()}

    empty = inspect.Parameter.empty
    common = {
        "reduction": ("K", "mean"),
        "ignore_index": ("K", -100),
        "check_finite": ("K", False),
    }
    softmax = {"class_weight": ("K", None), "label_smoothing": ("K", 0.0), **common}
    counts = {"count_smoothing": ("K", 0.0)}
    assert names("CrossEntropyLoss") == softmax
    assert names("LogitAdjustedLoss") == {
        "class_counts": ("P", empty),
        "tau": ("P", 1.0),
        **softmax,
        **counts,
    }
    ldam = {"class_counts": ("P", empty), "max_margin": ("P", 0.5), "scale": ("P", 30.0)}
    assert names("LDAMLoss") == {**ldam, **softmax, **counts}
    assert names("ELMLoss") == {**ldam, "lam": ("P", 1.0), **softmax, **counts}
    assert names("VectorScalingLoss") == {
        "class_counts": ("P", empty),
        "gamma": ("P", 0.3),
        "tau": ("P", 1.0),
        **softmax,
        **counts,
    }
    assert names("MarginSoftmaxLoss") == {
        **dict.fromkeys(("offset", "margin", "class_scale"), ("K", None)),
        "scale": ("K", 1.0),
        "lam": ("K", 0.0),
        **softmax,
    }
    assert names("FocalLoss") == {"gamma": ("P", 2.0), "class_weight": ("K", None), **common}
    assert names("TopKHingeLoss") == {"k": ("P", empty), "margin": ("P", 1.0), **common}
    assert names("SmoothTopKSVMLoss") == {
        "k": ("P", empty),
        "tau": ("P", 1.0),
        "alpha": ("P", 1.0),
        **common,
    }
    assert names("OutlyingMSELoss") == {
        "class_counts": ("P", None),
        "alpha": ("P", 1.0),
        "teacher": ("K", None),
        **counts,
        **common,
    }
    assert names("TwoHeadAverageKLoss") == {
        "k": ("P", empty),
        "candidate_weight": ("K", 1.0),
        "multi_label_weight": ("K", 1.0),
        "class_reduction": ("K", "sum"),
        "threshold_decay": ("K", 0.0),
        **common,
    }
    assert names("SinglePositiveLoss") == {
        "method": ("P", "an"),
        "expected_positives": ("K", None),
        "regularization": ("K", 1.0),
        **common,
    }
    draws = {
        "estimator": ("K", "exact"),
        "n_samples": ("K", 5),
        "seed": ("K", 0),
        "step": ("K", 0),
        "noise": ("K", None),
        "check_finite": ("K", False),
    }
    operator = {"x": ("P", empty), "k": ("P", empty), "epsilon": ("P", 1.0), **draws}
    assert names("noised_topk") == operator
    assert names("noised_topk_vjp") == {**operator, "upstream": ("K", None), "out": ("K", None)}
    assert names("NoisedTopKLoss") == {
        "k": ("P", empty),
        "epsilon": ("P", 1.0),
        "estimator": ("K", "monte_carlo"),
        "n_samples": ("K", 5),
        "seed": ("K", 0),
        "margin": ("K", 1.0),
        "class_counts": ("K", None),
        "max_margin": ("K", None),
        "scale": ("K", 1.0),
        **counts,
        **common,
    }


def test_handles_are_freed(monkeypatch):
    """One destroy for each loss, at its deletion, with its own handle."""
    freed = []
    destroy = _handle._destroy

    def counting(handle):
        freed.append(handle)
        destroy(handle)

    monkeypatch.setattr(_handle, "_destroy", counting)
    created = [topkloss.LogitAdjustedLoss(COUNTS) for _ in range(5)]
    handles = [loss._handle for loss in created]
    assert freed == []
    del created
    gc.collect()
    assert sorted(freed) == sorted(handles)


def test_memory_does_not_grow():
    """50,000 losses of 1000 classes would take 800 MB if they were kept."""
    script = """if True:
        import resource, numpy as np, topkloss
        counts = np.arange(1, 1001)
        def spend(times):
            for _ in range(times):
                topkloss.LogitAdjustedLoss(counts, class_weight=counts)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = spend(1000)
        assert spend(49_000) - before < 50_000, "kilobytes"
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_losses_alive_at_exit_do_no_harm():
    script = """if True:
        import atexit, threading, numpy as np, topkloss
        loss = topkloss.CrossEntropyLoss()
        logits = np.zeros((64, 1000), np.float32)
        def forever():
            while True:
                loss.value_and_grad(logits, np.zeros(64, np.int64))
        threading.Thread(target=forever, daemon=True).start()
        atexit.register(lambda: loss(logits, np.zeros(64, np.int64)))
        cycle = [loss]; cycle.append(cycle)
    """
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_error_keeps_its_status_when_pickled():
    with pytest.raises(TopKLossError) as caught:
        topkloss.CrossEntropyLoss(label_smoothing=2)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (str(twin), twin.status) == (str(caught.value), caught.value.status)
    assert isinstance(twin, ValueError)


def test_subclasses_keep_their_type_when_copied():
    assert type(copy.deepcopy(Renamed(label_smoothing=0.1))) is Renamed


class Renamed(topkloss.CrossEntropyLoss):
    pass

"""Losses as objects: their text, their copies, that they cannot change, and that they are freed."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import subprocess
import sys

import pytest
from case import CLASS_OF
from contract import CONTRACT
from losses import CASES

import topkloss
from topkloss import TopKLossError, _handle

COUNTS = [100, 10, 1]


@pytest.mark.parametrize("name", CONTRACT)
def test_signature(name):
    """The names and defaults that are promised."""

    def arguments(function):
        parameters = inspect.signature(function).parameters.values()
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        return positional, {p.name: p.default for p in parameters}

    promised = eval(f"lambda {CONTRACT[name]}: None")
    assert arguments(getattr(topkloss, name)) == arguments(promised)


def test_every_loss_is_tested():
    losses = {name for name in topkloss.__all__ if name.endswith("Loss")}
    assert {kind.__name__ for kind in CLASS_OF.values()} == losses
    assert {case.kind for case in CASES} == set(CLASS_OF)
    assert losses < set(CONTRACT)


def test_text():
    assert repr(topkloss.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert (
        repr(topkloss.LogitAdjustedLoss(COUNTS, tau=0.5, reduction="none"))
        == "LogitAdjustedLoss(class_counts=<3 classes>, tau=0.5, reduction='none')"
    )
    assert repr(topkloss.NoisedTopKLoss(5)) == "NoisedTopKLoss(k=5)"


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
    """10,000 losses of 1000 classes would take 160 MB if they were kept."""
    script = """if True:
        import resource, numpy as np, topkloss
        counts = np.arange(1, 1001)
        def spend(times):
            for _ in range(times):
                topkloss.LogitAdjustedLoss(counts, class_weight=counts)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = spend(1000)
        assert spend(9_000) - before < 50_000, "kilobytes"
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

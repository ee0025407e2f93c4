"""The recipe for DistributedDataParallel: two processes train the model that one does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ddp_recipe import BATCH, NO_LABEL, class_average, main, parts, some_unlabelled, train
from figures import figures
from long_tail import draw

FOLDER = Path(__file__).parent
SECONDS = 60


def test_two_processes_train_the_model_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This one and another, which meet in a file and talk over the loopback interface."""
    rendezvous = f"file://{tmp_path}/rendezvous"
    for name, value in {"GLOO_SOCKET_IFNAME": "lo", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    other = subprocess.Popen(
        [sys.executable, str(FOLDER), "--quick", "--rendezvous", rendezvous],
        env={**os.environ, "RANK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        main(quick=True, save=tmp_path / "model.pt", rendezvous=rendezvous)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            other.wait(SECONDS)
        other.kill()
        printed, errors = other.communicate()
    assert (other.returncode, printed) == (0, ""), errors
    first = capsys.readouterr().out
    task = some_unlabelled(draw(200))
    alone, losses = train(task, epochs=6)
    assert losses[-1] < 0.7 * losses[0]
    shown = figures(first)["logit-adjusted"]
    assert shown == pytest.approx((losses[0], losses[-1], class_average(alone, task)), abs=2e-3)
    # Of some 40 steps, each of which adds its rounding to the parameters.
    together = torch.load(tmp_path / "model.pt")
    for name, expected in alone.state_dict().items():
        torch.testing.assert_close(together[name], expected, rtol=0, atol=1e-5)


def test_parts_are_uneven_and_all_there() -> None:
    task = some_unlabelled(draw(200))
    labels = torch.from_numpy(task.labels)
    both = [*zip(parts(len(labels), 0, 0, 2), parts(len(labels), 0, 1, 2), strict=True)]
    rows = torch.cat([part for each in both for part in each])
    assert torch.equal(rows.sort().values, torch.arange(len(labels)))
    assert len(both) == -(-len(labels) // BATCH)
    counted = [[int((labels[part] != NO_LABEL).sum()) for part in each] for each in both]
    assert any(one != other for one, other in counted)

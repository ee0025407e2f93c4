"""The recipe for DistributedDataParallel: two processes train the model that one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ddp_recipe import BATCH, NO_LABEL, class_average, parts, some_unlabelled, train
from figures import figures
from long_tail import draw

FOLDER = Path(__file__).parent
SECONDS = 240


def run_quickly(ranks: int, folder: Path) -> list[str]:
    """What each process printed; they meet in a file, and talk over the loopback interface."""
    command = [sys.executable, str(FOLDER), "--quick", "--save", str(folder / "model.pt")]
    command += ["--rendezvous", f"file://{folder}/rendezvous"]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "WORLD_SIZE": str(ranks)}
    started = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        ended = [process.communicate(timeout=SECONDS) for process in started]
    finally:
        for process in started:
            process.kill()
    for process, (_, errors) in zip(started, ended, strict=True):
        assert process.returncode == 0, errors
    return [output for output, _ in ended]


def test_two_processes_train_the_model_of_one(tmp_path: Path) -> None:
    first, second = run_quickly(2, tmp_path)
    assert second == ""
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

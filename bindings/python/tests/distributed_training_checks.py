"""What a training script does in several processes: models, metrics, and the page about it."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from distributed_support import (
    labels_of,
)
from torch.nn.parallel import DistributedDataParallel
from torch_support import (
    CLASSES,
    COUNTS,
    batch,
    modules,
)

import topkloss
from topkloss import TopKLossError
from topkloss.torch.distributed import reduce_metric

PAGE = Path(__file__).parents[3] / "docs" / "distributed.md"


def data_parallel(worlds):
    """Two steps of a model, with rows of one class, weights and parts of any size."""
    for world in worlds:
        for sizes in world.sizes:
            single, replica = (_model() for _ in range(2))
            parallel = DistributedDataParallel(replica, process_group=world.group)
            options = {"class_counts": COUNTS, "class_weight": np.linspace(0.1, 3, CLASSES)}
            loss = modules.LogitAdjustedLoss(**options)
            whole = world.wrap(modules.LogitAdjustedLoss(**options))
            inputs, labels = batch(8, requires_grad=False)[0][:, :6], labels_of(8)
            part = world.part(sizes)
            for _ in range(2):
                for model, criterion, rows in (
                    (single, loss, slice(None)),
                    (parallel, whole, part),
                ):
                    criterion(model(inputs[rows]), labels[rows]).backward()
                    with torch.no_grad():
                        for each in model.parameters():
                            each -= 0.5 * each.grad
                            each.grad = None
            for one, other in zip(replica.parameters(), single.parameters(), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def _model():
    torch.manual_seed(0)
    layers = torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, CLASSES)
    return torch.nn.Sequential(*layers).double()


def metrics(worlds):
    """What ranks have counted, one of them nothing; each goes on with its own."""
    scores, labels = batch(8, requires_grad=False)
    for world in worlds:
        for sizes in world.sizes:
            for make in (
                lambda: topkloss.metrics.TopKAccuracy(3, average="macro"),
                lambda: topkloss.metrics.SetCoverage(np.linspace(-1, 1, CLASSES)),
            ):
                single, mine, part = make(), make(), world.part(sizes)
                assert len(reduce_metric(mine, world.group).weights) == 0
                single.update(scores, labels)
                if sizes[world.rank]:
                    mine.update(scores[part], labels[part])
                before = mine.weights.copy()
                for _ in range(2):
                    found = reduce_metric(mine, world.group)
                    assert type(found) is type(mine)
                    assert found.compute() == single.compute()
                    for name, sums in single._sums.items():
                        assert np.array_equal(found._sums[name], sums)
                assert np.array_equal(mine.weights, before)
        other = topkloss.metrics.TopKAccuracy(1 + world.rank)
        with pytest.raises(TopKLossError, match="is not what it is on other ranks"):
            reduce_metric(other, world.group)
        wider = topkloss.metrics.TopKAccuracy()
        wider.update(scores[:, : 5 + world.rank], labels % 5)
        with pytest.raises(TopKLossError, match="5 and 6"):
            reduce_metric(wider, world.group)


def programs_of_the_page(worlds):  # noqa: ARG001
    """They run as they are shown, but for the process group, which is there already."""
    with pytest.MonkeyPatch.context() as changed:
        for name in ("init_process_group", "destroy_process_group"):
            changed.setattr(torch.distributed, name, lambda *_: None)
        _run_programs()


def _run_programs():
    programs = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert len(programs) == 2
    for program in programs:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(program, {"__name__": "__main__"})
        assert said.getvalue().startswith("loss ")


CHECKS = {
    check.__name__: check
    for check in (
        data_parallel,
        metrics,
        programs_of_the_page,
    )
}

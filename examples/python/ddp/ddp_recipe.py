"""DistributedDataParallel with a loss of topkloss: as many processes as you like give the same model.

Every process has a part of each batch, and DistributedDataParallel averages their gradients. Where
parts differ in how many of their rows count, for some have no label, or the last batch is cut
unevenly, the average of the parts' means is not the mean of the batch. `GlobalBatch` takes the mean
over all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from long_tail import CLASSES, FEATURES, Task, draw
from topkloss.torch import LogitAdjustedLoss
from topkloss.torch.distributed import GlobalBatch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

BATCH = 128
NO_LABEL = -100
"""The label of rows that nobody has labelled, which is what losses ignore by default."""


def some_unlabelled(task: Task) -> Task:
    """The same task with a third of the labels lost, most of them in the beginning."""
    rng = np.random.default_rng(1)
    lost = rng.random(len(task.labels)) < np.linspace(1, 0, len(task.labels)) ** 2
    return replace(task, labels=np.where(lost, NO_LABEL, task.labels))


def counts_of(task: Task) -> Tensor:
    """The number of labels of each class; one at least."""
    labels = torch.from_numpy(task.labels)
    return torch.bincount(labels[labels != NO_LABEL], minlength=CLASSES).clamp(min=1)


def parts(rows: int, epoch: int, rank: int, ranks: int) -> Iterator[Tensor]:
    """One process's rows of each batch of an epoch: the batches are the same however many share."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(epoch))
    for batch in torch.split(order, BATCH):
        yield torch.tensor_split(batch, ranks)[rank]


def train(task: Task, epochs: int) -> tuple[nn.Module, list[float]]:
    """A model that has learnt the task, and the mean loss of every batch.

    By whatever processes `torch.distributed` knows of, or by this one alone.
    """
    together = distributed.is_initialized()
    rank, ranks = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    # Models are wrapped; losses, which have no parameters, are not.
    wrapped = DistributedDataParallel(model) if together else model
    criterion = GlobalBatch(LogitAdjustedLoss(counts_of(task)))
    optimizer = torch.optim.SGD(model.parameters(), 0.2, momentum=0.9)
    inputs, labels = torch.from_numpy(task.inputs), torch.from_numpy(task.labels)
    losses = []
    for epoch in range(epochs):
        for own in parts(len(labels), epoch, rank, ranks):
            loss = criterion(wrapped(inputs[own]), labels[own])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return model, losses


@torch.no_grad()
def class_average(model: nn.Module, task: Task) -> float:
    """The model's accuracy, every class counted the same."""
    return task.class_average(lambda rows: model(torch.from_numpy(rows)))


def main(*, quick: bool, save: Path | None = None, rendezvous: str = "env://") -> None:
    """Train, alone or as one of torchrun's processes, the first of which says how it went.

    quick: on less data. save: where the model goes. rendezvous: where processes meet, as
    `torch.distributed.init_process_group` has it; by default what torchrun set.
    """
    rank = int(os.environ.get("RANK", "0"))
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group(
            "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=int(os.environ["WORLD_SIZE"]),
            timeout=timedelta(minutes=5),
        )
    task = some_unlabelled(draw(200 if quick else 2000))
    model, losses = train(task, epochs=6 if quick else 20)
    if rank == 0:
        print(
            f"logit-adjusted: loss {losses[0]:.3f} to {losses[-1]:.3f}, "
            f"class average {class_average(model, task):.3f}"
        )
        if save:
            torch.save(model.state_dict(), save)
    if distributed.is_initialized():
        distributed.destroy_process_group()

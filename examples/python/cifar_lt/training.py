"""The training loop: an ordinary one, with deferred weights, and a checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from augmentation import cropped_and_flipped, normalized
from cifar_files import DataError, Pictures
from long_tail import Counts
from recipes import Recipe
from schedule import Schedule
from topkloss.class_weights import deferred, effective_number
from torch import nn


@dataclass
class Run:
    """All that changes in a training, and so all that a checkpoint holds.

    Attributes:
        epoch: Epochs that are done.
        random: Of the order of the pictures, their crops and flips.
    """

    network: nn.Module
    criterion: nn.Module
    optimizer: torch.optim.SGD
    random: torch.Generator
    epoch: int = 0

    @classmethod
    def fresh(
        cls, recipe: Recipe, network: nn.Module, counts: Counts, schedule: Schedule, seed: int
    ) -> Run:
        """A training that has not begun."""
        return cls(
            network,
            recipe.make(counts),
            torch.optim.SGD(
                network.parameters(),
                schedule.rate(0),
                momentum=schedule.momentum,
                weight_decay=schedule.weight_decay,
            ),
            torch.Generator().manual_seed(seed),
        )

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write a checkpoint; one that is there already is good until the new one is whole.

        Args:
            path: The file.
            about: What the training is one of, in numbers and text, to be compared by `load`.
        """
        state = {
            "about": dict(about),
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            # A loss that draws noise counts its calls.
            "criterion": self.criterion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.random.get_state(),
        }
        unfinished = path.with_name(f"{path.name}.unfinished")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def load(self, path: Path, about: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: It is none, or of another training.
        """
        state = read_checkpoint(path, about)
        self.network.load_state_dict(state["network"])
        self.criterion.load_state_dict(state["criterion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.random.set_state(state["random"])
        self.epoch = state["epoch"]


def read_checkpoint(path: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What `Run.save` wrote.

    Raises:
        DataError: It is none, or of another training.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        theirs = dict(state["about"])
    # What a damaged file raises has no limit.
    except Exception as error:
        raise DataError(f"{path} is no checkpoint of this program") from error
    other = [f"{name} {theirs.get(name)}" for name in about if theirs.get(name) != about[name]]
    if other:
        raise DataError(f"{path} is of another training: {', '.join(other)}")
    return dict(state)


def train_epoch(
    run: Run,
    recipe: Recipe,
    pictures: Pictures,
    counts: Counts,
    schedule: Schedule,
    after_batch: Callable[[int, float], None],
) -> None:
    """One more pass over the pictures.

    Args:
        run: What is trained, in place, on the device where it lies.
        recipe: Whether classes are weighted, from the schedule's epoch on.
        pictures: Those to train on.
        counts: How many of them each class has, shape (C,).
        schedule: The learning rate of every epoch.
        after_batch: Called with the number of pictures of a batch, and its loss.
    """
    for group in run.optimizer.param_groups:
        group["lr"] = schedule.rate(run.epoch)
    if recipe.reweighted:
        weights = effective_number(counts, schedule.beta)
        now = deferred(weights, epoch=run.epoch, start=schedule.reweighted_from)
        run.criterion.set_class_weight(now)  # type: ignore[operator]
    images, labels = torch.from_numpy(pictures.images), torch.from_numpy(pictures.labels)
    device = next(run.network.parameters()).device
    run.network.train()
    run.criterion.train()
    order = torch.randperm(len(labels), generator=run.random)
    for rows in torch.split(order, schedule.batch_size):
        batch = normalized(cropped_and_flipped(images[rows], run.random).to(device))
        loss = run.criterion(run.network(batch), labels[rows].to(device))
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        after_batch(len(rows), loss.item())
    run.epoch += 1

"""The training loop: an ordinary one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from network import Network
from scenes import CLASSES, Labels, Scenes
from settings import Settings
from torch import nn


def train(
    criterion: nn.Module, scenes: Scenes, settings: Settings, after_epoch: Callable[[], None]
) -> Network:
    """A network that has learnt the scenes. The same weights and order for the same seed."""
    torch.manual_seed(settings.seed)
    network = Network(len(CLASSES))
    images, labels = torch.from_numpy(scenes.images), torch.from_numpy(scenes.labels)
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps
    )
    for _ in range(settings.epochs):
        for batch in torch.split(torch.randperm(len(images)), settings.batch_size):
            loss = criterion(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        after_epoch()
    return network.eval()


@torch.no_grad()
def predict(network: Network, scenes: Scenes) -> Labels:
    """The class of every pixel, of shape (N, H, W)."""
    parts = torch.split(torch.from_numpy(scenes.images), 50)
    return np.concatenate([network(images).argmax(1).numpy() for images in parts])

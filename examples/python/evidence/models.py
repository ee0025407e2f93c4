"""Two small networks, of n-grams and of images, with the last layer that a loss asks for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from subjects import Rows
from topkloss.torch import NormedLinear
from torch import Tensor, nn
from torch.nn import functional

Head = Literal["plain", "normalised", "two"]
"""The last layer: a linear one, one of cosines, or a linear one of 2 C outputs for two heads."""

EMBEDDING = 32
HIDDEN = 128
BAG = 10
"""How many times as far as others the embeddings of n-grams step."""

ROWS_AT_ONCE = 2048


class Names(nn.Module):
    """The mean embedding of a name's n-grams, and a hidden layer."""

    def __init__(self, buckets: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(buckets, EMBEDDING, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.1)
        self.hidden = nn.Linear(EMBEDDING, HIDDEN)

    def forward(self, rows: Rows) -> Tensor:
        """Features (B, HIDDEN) of a sparse matrix."""
        means = self.bag(
            torch.from_numpy(rows.indices),
            torch.from_numpy(rows.indptr[:-1]),
            per_sample_weights=torch.from_numpy(rows.data),
        )
        return functional.relu(self.hidden(means))


class Images(nn.Module):
    """Three convolutions, each of which halves the image, and a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 9, HIDDEN),
            nn.ReLU(),
        ).to(memory_format=torch.channels_last)

    def forward(self, rows: Rows) -> Tensor:
        """Features (B, HIDDEN) of images of bytes."""
        images = torch.from_numpy(rows).unsqueeze(1).to(torch.float32) / 255
        images = images.to(memory_format=torch.channels_last)
        features: Tensor = self.layers(images)
        return features


class Network(nn.Module):
    """Logits (B, C), or (B, 2 C) for two heads."""

    def __init__(self, rows: Rows, classes: int, head: Head) -> None:
        """Random weights for inputs like these rows."""
        super().__init__()
        self.body = Images() if isinstance(rows, np.ndarray) else Names(rows.shape[1])
        self.head: nn.Module
        if head == "normalised":
            self.head = NormedLinear(HIDDEN, classes)
        else:
            self.head = nn.Linear(HIDDEN, classes * (2 if head == "two" else 1))

    def forward(self, rows: Rows) -> Tensor:
        """The logits of these rows."""
        logits: Tensor = self.head(self.body(rows))
        return logits

    def groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """The parameters and their rates: an n-gram is in few batches, and steps further."""
        tables = [p for name, p in self.named_parameters() if name == "body.bag.weight"]
        others = [p for name, p in self.named_parameters() if name != "body.bag.weight"]
        return [{"params": others}, {"params": tables, "lr": BAG * learning_rate}]

    def logits(self, rows: Rows) -> NDArray[np.float32]:
        """Of any number of rows, as the trained network gives them."""
        self.eval()
        starts = range(0, rows.shape[0], ROWS_AT_ONCE)
        with torch.inference_mode():
            found = [self(rows[start : start + ROWS_AT_ONCE]) for start in starts]
        logits: NDArray[np.float32] = torch.cat(found).numpy()
        return logits

"""A small convolutional network for segmentation, which looks at a pixel's surroundings too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _block(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Network(nn.Module):
    """Images (N, 3, H, W) to logits (N, C, H, W)."""

    def __init__(self, classes: int, width: int = 12) -> None:
        super().__init__()
        self.fine = _block(3, width)
        self.coarse = nn.Sequential(
            _block(width, 2 * width, stride=2),
            _block(2 * width, 2 * width, dilation=2),
            _block(2 * width, 2 * width, dilation=4),
        )
        self.last = nn.Sequential(
            nn.Conv2d(3 * width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, classes, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(images)
        coarse = functional.interpolate(self.coarse(fine), fine.shape[2:], mode="nearest")
        logits: Tensor = self.last(torch.cat([fine, coarse], 1))
        return logits

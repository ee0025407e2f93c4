"""From pictures as they are in the files to what a network takes: crop, flip, normalise.

He et al., CVPR 2016, section 4.2: four pixels of padding on every side, a random crop of the
original size, and a flip from left to right of every other picture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

PADDING = 4

# Mean and spread of each channel, of CIFAR-10's training pictures; Cao et al. take them for both.
MEAN = torch.tensor([0.4914, 0.4822, 0.4465])[:, None, None]
SPREAD = torch.tensor([0.2023, 0.1994, 0.2010])[:, None, None]


def normalized(images: Tensor) -> Tensor:
    """Pictures in uint8, (N, 3, H, W), as float32 with mean about 0 and spread about 1."""
    return (images.float() / 255 - MEAN.to(images.device)) / SPREAD.to(images.device)


def cropped_and_flipped(images: Tensor, random: torch.Generator) -> Tensor:
    """A random crop of each picture, (N, 3, H, W), half of them flipped; the padding is black."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (PADDING,) * 4)
    down, right = torch.randint(2 * PADDING + 1, (2, count, 1), generator=random)
    flip = torch.rand((count, 1), generator=random) < 0.5
    rows = torch.arange(height) + down
    columns = torch.arange(width) + right
    columns = torch.where(flip, columns.flip(1), columns)
    which = torch.arange(count)[:, None, None]
    # Indices go in front of the channels, which then come last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

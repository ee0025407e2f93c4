"""ResNets for pictures of 32 x 32, of 6n + 2 layers.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2:
three stages of 16, 32 and 64 channels, n blocks of two convolutions each, shortcuts without
parameters (their option A). What a normalised last layer changes is the last layer alone.
"""

from __future__ import annotations

from topkloss.torch import NormedLinear
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class Block(nn.Module):
    """Two convolutions beside a shortcut, which skips pixels and fills up channels with zeros."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.added = (outputs - inputs) // 2
        self.first = _convolution(inputs, outputs, stride)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = _convolution(outputs, outputs)
        self.second_norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(maps)))
        shortcut = maps[:, :, :: self.stride, :: self.stride]
        if self.added:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, self.added, self.added))
        return functional.relu(self.second_norm(self.second(inner)) + shortcut)


class ResNet(nn.Module):
    """Pictures (N, 3, 32, 32) to logits (N, C), or to cosines, for losses that expect these.

    Args:
        classes: C.
        depth: Layers with weights, 6n + 2: 20, 32, 44, 56, 110 in the paper.
        normalized: Whether the last layer is `NormedLinear`.
    """

    def __init__(self, classes: int, depth: int = 32, *, normalized: bool = False) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"depth must be 6n + 2, got {depth}")
        self.stem = nn.Sequential(_convolution(3, WIDTHS[0]), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
        stages: list[nn.Module] = []
        inputs = WIDTHS[0]
        for outputs in WIDTHS:
            for _ in range(blocks):
                stages.append(Block(inputs, outputs, stride=outputs // inputs))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.last = NormedLinear(inputs, classes) if normalized else nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images)).mean((2, 3))
        outputs: Tensor = self.last(features)
        return outputs

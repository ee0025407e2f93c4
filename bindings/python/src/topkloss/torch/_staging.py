"""Tensors on a CUDA device: their way to the CPU and back.

The library computes on the CPU. What a call with CUDA tensors moves:

1. Each tensor is copied into pinned memory, on its device's current stream and so after the work
   that makes it; all copies are on their way together.
2. The call waits once for each stream that it copies on. This is where it costs: the work that is
   queued on the stream has to end first.
3. Gradients are written into pinned memory and copied to the device on its current stream; nothing
   waits for them. A scalar value travels as the argument of a fill.

PyTorch's allocator of pinned memory gives a block out again only after the copies from it are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def is_remote(value: object) -> bool:
    """Whether a value is a tensor that has to be copied to be read."""
    return isinstance(value, Tensor) and value.is_cuda and value.layout == torch.strided


def pinned(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A contiguous tensor in memory of the CPU's that devices copy from and to by themselves."""
    return torch.empty(tuple(shape), dtype=dtype, device="cpu", pin_memory=True)


def wait(device: torch.device) -> None:
    """Until the device has done all that is queued on its current stream."""
    torch.cuda.current_stream(device).synchronize()


def staged(*values: Any) -> tuple[Any, ...]:
    """The values, with tensors on CUDA devices replaced by copies in the CPU's memory.

    Copies take no part in autograd, but still say whether they require a gradient.
    """
    if not any(map(is_remote, values)):
        return values
    found = []
    devices = set()
    for value in values:
        if isinstance(value, Tensor) and is_remote(value):
            copy = pinned(value.shape, value.dtype)
            copy.copy_(value.detach(), non_blocking=True)
            devices.add(value.device)
            found.append(copy.requires_grad_(value.requires_grad))
        else:
            found.append(value)
    for device in devices:
        wait(device)
    return tuple(found)


def home_of(scores: object) -> torch.device | None:
    """The device that results for these scores have to be sent to; None for the CPU."""
    return scores.device if isinstance(scores, Tensor) and is_remote(scores) else None


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A pinned tensor's copy on a device, which is complete once its current stream gets there."""
    return tensor.to(device, non_blocking=True)

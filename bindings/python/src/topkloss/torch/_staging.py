"""Tensors on a CUDA device: their way to the CPU and back.

The library computes on the CPU. What a call with CUDA tensors moves:

1. Logits, labels and whatever else is on a device are copied into pinned memory as they lie, each
   on its device's current stream and so after the work that makes it; all are on their way at once.
2. The call waits, once, for those streams. This is where it costs: the work that is queued there
   has to end first, and the device has nothing to do while the CPU computes.
3. Gradients are written into pinned memory and copied to the device on its current stream; nothing
   waits for them. A scalar value travels as the argument of a fill. The backward pass
   stays on the device, but for losses whose rows depend on each other.

The same bytes cross the bus as the logits have, once in each direction. PyTorch's allocator of
pinned memory gives a block out again only after the copies from it are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from topkloss.torch._tensors import has_memory


def is_remote(value: object) -> bool:
    """Whether a value is a tensor that has to be copied to be read."""
    return (
        isinstance(value, Tensor)
        and value.is_cuda
        and value.layout == torch.strided
        and has_memory(value)
    )


def pinned(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A contiguous tensor in memory of the CPU's that devices copy from and to by themselves."""
    return torch.empty(tuple(shape), dtype=dtype, device="cpu", pin_memory=True)


def pinned_like(tensor: Tensor) -> Tensor:
    """The same of a tensor's shape, dtype and layout, if that is dense."""
    return torch.empty_like(tensor, device="cpu", pin_memory=True)


def fetched(tensor: Tensor) -> Tensor:
    """A tensor's copy in pinned memory, which is complete once `wait` returns.

    Lazily negated tensors are negated on their device: on the CPU, PyTorch would negate the memory
    before the copy has arrived in it.
    """
    values = tensor.detach().resolve_neg()
    return pinned_like(values).copy_(values, non_blocking=True)


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
            devices.add(value.device)
            found.append(fetched(value).requires_grad_(value.requires_grad))
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

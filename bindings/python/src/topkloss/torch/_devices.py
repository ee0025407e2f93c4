"""What PyTorch is asked of a CUDA device, besides tensors: streams, events, memory.

All of it that is not an operator stands here, so that tests can have the processor play a device.
"""

from __future__ import annotations

import os
from typing import Any, TypeGuard

import torch
from torch import Tensor

from topkloss.torch._staging import is_remote, pinned, pinned_like

IS_ON = os.environ.get("TOPKLOSS_CUDA") == "1"
"""Whether losses are computed on devices at all; else staging serves."""


def is_on_device(value: object) -> TypeGuard[Tensor]:
    """Whether a value is a tensor in a device's memory, and to be computed there."""
    return IS_ON and is_remote(value)


def stream_of(device: torch.device) -> int:
    """The current stream of a device as the driver has it."""
    stream: int = torch.cuda.current_stream(device).cuda_stream
    return stream


def is_capturing(device: torch.device) -> bool:
    """Whether that stream is being captured into a graph."""
    with torch.cuda.device(device):
        return torch.cuda.is_current_stream_capturing()


def record(event: Any, device: torch.device) -> Any:
    """An event, new if there is none, that is over when the stream has done what is on it now."""
    event = event or torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event


def keep_until_done(tensor: Tensor, device: torch.device) -> None:
    """Gives memory back only when the stream has done what is on it now."""
    tensor.record_stream(torch.cuda.current_stream(device))


def room(size: int, device: torch.device) -> Tensor:
    """So many bytes of PyTorch's, for what is on the current stream: at multiples of 512."""
    return torch.empty(size, dtype=torch.uint8, device=device)


def room_for_outcomes(count: int) -> Tensor:
    """Memory of the CPU's that devices copy outcomes to by themselves."""
    return pinned((count, 6), torch.float64)


def moved(value: Any, device: torch.device) -> Any:
    """A tensor on a device, copied there after what is on its current stream; others as they are.

    A copy takes no part in autograd, but still says whether it requires a gradient.
    """
    if not isinstance(value, Tensor) or value.device == device:
        return value
    if value.layout != torch.strided or not (value.is_cpu or value.is_cuda):
        return value  # refused in words later
    given = value.detach()
    if given.is_cpu and given.is_pinned():
        # Its owner may write over it before the device has come to the copy.
        given = pinned_like(given).copy_(given)
    there = given.to(device, non_blocking=True)
    return there.requires_grad_(value.requires_grad)

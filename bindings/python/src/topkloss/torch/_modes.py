"""What PyTorch does with a call besides computing it: tracing, dispatch modes, forward mode.

Some of this has no public name in PyTorch. Where a private one is gone, the answer is the careful
one: a call goes the longer way, on which everything is checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad


def _unknown() -> int:
    """As many modes as keep every call off the short way."""
    return 1


def _never() -> bool:
    return False


def _always() -> bool:
    return True


dispatch_modes: Callable[[], int] = getattr(torch._C, "_len_torch_dispatch_stack", _unknown)
"""How many modes, such as a tracer's, see operators before they are computed."""

is_traced: Callable[[], bool] = getattr(torch.jit, "is_tracing", _never)
"""Whether `torch.jit.trace` records the call."""

graph_is_kept: Callable[[], bool] = getattr(
    getattr(torch._C, "_autograd", None), "_get_current_graph_task_keep_graph", _always
)
"""Whether the backward pass that asks may be followed by another (``retain_graph=True``)."""


not_in_graphs: Callable[[Callable[..., Any]], Callable[..., Any]] = getattr(
    torch, "_disable_dynamo", torch.compiler.disable
)
"""Keeps `torch.compile` out of a function: its graph ends before it, and another begins after.

The public way to say so imports the compiler, which takes seconds, before anything is compiled.
"""


@not_in_graphs
def outside_graphs(module: Any, *args: Any, **options: Any) -> Tensor:
    """What a module computes with other processes, which no graph is made of."""
    value: Tensor = module._together(*args, **options)
    return value


def in_forward_mode() -> bool:
    """Whether there may be tensors with tangents."""
    level: int = getattr(forward_ad, "_current_level", 0)
    return level >= 0


def has_tangent(tensor: Tensor) -> bool:
    """Whether forward-mode differentiation goes through a tensor."""
    if not in_forward_mode():
        return False
    tangent = forward_ad.unpack_dual(tensor).tangent  # type: ignore[no-untyped-call]
    return tangent is not None


def refuse_tracing() -> None:
    """Refuses what would write the value of this batch into a graph, as a constant."""
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")
    mode = getattr(proxies, "get_proxy_mode", None)
    if is_traced() or (mode is not None and mode() is not None):
        raise RuntimeError(
            "torch.jit.trace and make_fx would make a constant of a topkloss loss: use "
            "torch.compile or torch.export"
        )

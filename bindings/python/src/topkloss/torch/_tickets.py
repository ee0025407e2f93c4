"""How an operator in a compiled graph finds the module that it belongs to.

A graph is made of tensors and numbers. So each module has a ticket, a number in a tensor, which
reaches the graph as an input does: nothing of a loss is burnt into the graph, which goes on as it
is when the module gets another loss (`WeightedModule.set_class_weight`), and serves other modules
of the same kind. A table that keeps no module alive leads from tickets back to modules.
"""

from __future__ import annotations

import secrets
import weakref
from typing import Any

import torch
from torch import Tensor, nn

_modules: weakref.WeakValueDictionary[int, nn.Module] = weakref.WeakValueDictionary()


def new_ticket(module: nn.Module) -> Tensor:
    """A ticket for a module: int64, without dimensions, in the CPU's memory.

    Its number is random, so that a graph that another process has left finds no module here rather
    than a wrong one.
    """
    number = secrets.randbits(63)
    _modules[number] = module
    with torch.inference_mode(False):  # graphs declare to change it, as inference tensors may not
        return torch.tensor(number, dtype=torch.int64, device="cpu")


def module_of(ticket: Tensor) -> Any:
    """The module that was given this ticket."""
    module = _modules.get(int(ticket))
    if module is None:
        raise RuntimeError(
            "this graph calls a topkloss module that does not exist (any more): keep the module "
            "as long as the graph, and compile again in another process"
        )
    return module

"""Steps: which noise is drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss._arguments import integer
from topkloss.torch._operators._parts import signed
from topkloss.torch._tickets import module_of


@torch.library.custom_op(
    "topkloss::take_step", mutates_args=["ticket"], schema="(Tensor(a!) ticket) -> Tensor"
)
def take_step(ticket: Tensor) -> Tensor:
    """The next step of a noised loss, from the counter that it has outside graphs too.

    The ticket stays as it is, but is declared to change: so a graph may neither drop a step, nor
    merge two, nor let one overtake another.
    """
    loss = module_of(ticket).loss
    return torch.tensor(signed(loss._steps.take()), dtype=torch.int64, device="cpu")


@take_step.register_fake
def _(ticket: Tensor) -> Tensor:
    return torch.empty_like(ticket)


@torch.library.custom_op("topkloss::given_step", mutates_args=(), schema="(Tensor step) -> Tensor")
def given_step(step: Tensor) -> Tensor:
    """A step of the caller's that is a tensor, and so known only when the graph runs."""
    number = integer("step", step, signed=False)
    return torch.tensor(signed(number), dtype=torch.int64, device="cpu")


@given_step.register_fake
def _(step: Tensor) -> Tensor:
    return step.new_empty((), dtype=torch.int64, device="cpu")

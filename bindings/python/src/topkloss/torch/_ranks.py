"""The processes of a group, and the few numbers that they tell each other.

A process that fails while others wait for it would leave them waiting. So whatever may fail is done
between two exchanges, and the second says whether it has: then all of them raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as processes

from topkloss.errors import TopKLossError

SomeObject = TypeVar("SomeObject")

_ALONE = 1


def attempt(make: Callable[[], SomeObject]) -> tuple[SomeObject | None, Exception | None]:
    """What is made between two exchanges, or why it is not, for the second to tell the others."""
    try:
        return make(), None
    except Exception as error:
        return None, error


class Ranks:
    """The processes of a group; this one alone, where `torch.distributed` is not initialised.

    Attributes:
        count: How many.
        rank: Which of them this one is.
        device: Where the numbers of an exchange are put.
    """

    def __init__(self, group: Any, device: torch.device) -> None:
        """Looks at a group.

        Args:
            group: A process group, or None for the default one.
            device: Where the numbers of an exchange are put.
        """
        self._group, self.device = group, device
        is_there = processes.is_available() and processes.is_initialized()
        self.count = processes.get_world_size(group) if is_there else _ALONE
        self.rank = processes.get_rank(group) if is_there else 0
        if self.rank < 0:
            raise TopKLossError(
                "this process is no member of the group that it was given", "TOPKLOSS_ERROR_OPTION"
            )

    def add(self, numbers: Tensor) -> Tensor:
        """Sums over all ranks, in place of the numbers."""
        if self.count > _ALONE:
            processes.all_reduce(numbers, group=self._group)
        return numbers

    def highest_of(self, number: float | None, failure: Exception | None) -> float:
        """The highest of all ranks' numbers; None where this one has failed. Raises as `table`."""
        told = self.table([0.0 if number is None else number], failure)
        return max(number for (number,) in told)

    def gather(self, bytes_: Tensor) -> Tensor:
        """The tensors of all ranks, all of one shape, in order along a new first axis."""
        every = bytes_.new_empty((self.count, *bytes_.shape), device=self.device)
        own = bytes_.to(self.device)
        if self.count > _ALONE:
            processes.all_gather([*every.unbind()], own, group=self._group)
        else:
            every[0] = own
        return every.to(bytes_.device)

    def first(self, value: SomeObject) -> SomeObject:
        """The first rank's object, pickled."""
        if self.count == _ALONE:
            return value
        told = [value]
        everybody: Any = processes.group.WORLD if self._group is None else self._group
        source = processes.get_global_rank(everybody, 0)
        processes.broadcast_object_list(told, source, group=self._group)
        return told[0]

    def checked_sum(self, numbers: Tensor, failure: Exception | None) -> Tensor:
        """Sums of float64 numbers over all ranks.

        Args:
            numbers: Those of this rank; where it has failed, so many of any value.
            failure: What made it fail.

        Raises:
            Exception: This rank's own failure.
            RuntimeError: Another rank has failed. Numbers on a device are not looked at, which
                would wait for it: there they become NaN.
        """
        failed = numbers.new_full((1,), float(failure is not None))
        told = torch.cat([numbers if failure is None else numbers.fill_(torch.nan), failed])
        self.add(told)
        if failure is not None:
            raise failure
        if told.is_cpu and told[-1]:
            raise RuntimeError(
                "the loss of the batch of all processes has no value: another process of the group "
                "has refused its part, and says why"
            )
        return told[:-1]

    def table(
        self, numbers: Sequence[float], failure: Exception | None = None
    ) -> list[list[float]]:
        """The numbers of every rank in order, as float64 has them; it waits for a device.

        By a sum, since every backend has that: each rank's numbers have a place of their own.

        Raises:
            Exception: As `checked_sum`, on all ranks and devices.
        """
        own = torch.zeros(self.count, len(numbers), dtype=torch.float64, device="cpu")
        own[self.rank] = torch.tensor(numbers, dtype=torch.float64, device="cpu")
        every = self.agreed_sum(own.flatten().to(self.device), failure).reshape(own.shape)
        found: list[list[float]] = every.tolist()
        return found

    def agreed_sum(self, numbers: Tensor, failure: Exception | None) -> Tensor:
        """As `checked_sum`, of numbers that are none of them NaN; it waits for a device.

        Raises:
            Exception: As `checked_sum`, on all ranks and devices.
        """
        every = self.checked_sum(numbers, failure)
        if every.isnan().any():
            raise RuntimeError("another process of the group has refused its part of the batch")
        return every

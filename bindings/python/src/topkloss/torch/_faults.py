"""What was wrong with batches, found on a device while the host had gone on.

Every call has its outcome copied into the CPU's memory, and an event after the copy. Nothing waits
for these: the next call that finds some of them over looks at what they brought. As many outcomes
can be under way as the driver lets kernels be; a call beyond that waits for the oldest.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple

import torch
from torch import Tensor

from topkloss import cuda
from topkloss.errors import TopKLossError
from topkloss.torch import _devices

_MOST = 1024
"""Launches that a driver keeps in a queue, about."""


class _Call(NamedTuple):
    place: int
    name: str
    """Of the loss."""
    classes: int


def _problem(outcome: Tensor, call: _Call) -> TopKLossError | None:
    try:
        cuda.check(outcome.numpy(), call.classes)
    except TopKLossError as error:
        said = str(error)
        if said.startswith("sample_weight["):
            said += "; it must be finite, and 0 or more"
        return TopKLossError(said, error.status)
    return None


class _Outcomes:
    """Those of a device that have not been looked at."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        places = _devices.room_for_outcomes(_MOST)
        self._places = places.unbind()
        self._faults = places.view(torch.int64)[:, 3].numpy()
        self._events: list[Any] = [None] * _MOST
        self._free = deque(range(_MOST))
        self._calls: deque[_Call] = deque()
        self._lock = threading.Lock()

    def add(self, outcome: Tensor, name: str, classes: int) -> None:
        """An outcome that the current stream is to write."""
        with self._lock:
            problem = None if self._free else self._look(self._calls.popleft(), wait=True)
            place = self._free.popleft()
            self._places[place].copy_(outcome, non_blocking=True)
            self._events[place] = _devices.record(self._events[place], self._device)
            self._calls.append(_Call(place, name, classes))
        if problem is not None:
            raise problem

    def _look(self, call: _Call, *, wait: bool) -> TopKLossError | None:
        if wait:
            self._events[call.place].synchronize()
        found = self._faults[call.place] != 0
        problem = _problem(self._places[call.place], call) if found else None
        self._free.append(call.place)
        if problem is None:
            return None
        said = f"an earlier call of {call.name} on {self._device} had a value of NaN: {problem}"
        return TopKLossError(said, problem.status)

    def raise_first(self, *, wait: bool) -> None:
        """Raises the first problem of those calls that are over, and forgets them all."""
        first = None
        with self._lock:
            while self._calls and (wait or self._events[self._calls[0].place].query()):
                problem = self._look(self._calls.popleft(), wait=wait)
                first = first or problem
        if first is not None:
            raise first


_outcomes: dict[torch.device, _Outcomes] = {}
_lock = threading.Lock()


def watch(outcome: Tensor, name: str, classes: int) -> None:
    """Has an outcome looked at once it is there. Not for streams that are being captured."""
    with _lock:
        found = _outcomes.get(outcome.device)
        if found is None:
            found = _outcomes[outcome.device] = _Outcomes(outcome.device)
    found.add(outcome, name, classes)


def raise_now(outcome: Tensor, name: str, classes: int) -> None:
    """Waits for an outcome, and raises what it says."""
    problem = _problem(outcome.cpu(), _Call(-1, name, classes))
    if problem is not None:
        raise problem


def raise_earlier(*, wait: bool = False) -> None:
    """Raises what was wrong with the earliest call that is over, or, waiting, of all."""
    for each in [*_outcomes.values()]:
        each.raise_first(wait=wait)

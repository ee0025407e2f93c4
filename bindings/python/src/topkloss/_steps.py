"""The counter that gives each call of a noised loss noise of its own."""

from __future__ import annotations

import threading

from topkloss._arguments import integer

EVALUATION_STEP = (1 << 64) - 1
"""The step of every call in evaluation, where values are to be compared: the one reached last."""


class StepCounter:
    """Counts calls, from any number of threads.

    Attributes:
        next: The step that the next call without one will use.
    """

    def __init__(self, first: int = 0) -> None:
        self.next = first
        self._lock = threading.Lock()

    def take(self, step: int | None = None) -> int:
        """The caller's step if there is one, which is not counted, else the next."""
        if step is not None:
            return integer("step", step, signed=False)
        with self._lock:
            taken = self.next
            self.next = (taken + 1) % (1 << 64)
        return taken

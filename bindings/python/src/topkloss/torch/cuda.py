"""What is found out on CUDA devices after a call has returned: see `topkloss.torch`."""

from __future__ import annotations

from topkloss.torch._faults import raise_earlier

__all__ = ["check"]


def check() -> None:
    """Waits for all calls of losses on CUDA devices, and raises what was wrong with the first.

    Calls that are captured into CUDA graphs are not among them: they say by NaN alone.

    Raises:
        TopKLossError: A call's labels were no classes, or its weights were not finite, or its
            logits were not and the loss has ``check_finite``.
    """
    raise_earlier(wait=True)

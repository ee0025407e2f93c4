"""Whether a loss may be computed on a device: its constants are there, and a known batch agrees.

The first time that a loss with such options is used on a device, with a dtype, a small batch is
evaluated there and on the CPU. Where the answers differ, losses of the kind are computed on the CPU
from then on. Answers agree if no number differs by more than 1e-5 of the largest in float32, or by
four units in the last place of the largest in 16 bits.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from topkloss import cuda
from topkloss._cosines import caller
from topkloss._handle import Handle
from topkloss.errors import TopKLossError
from topkloss.torch import _devices
from topkloss.torch._evaluation import Arguments, Evaluation

_ROWS = 3
_captured: dict[int, Tensor] = {}
_lock = threading.RLock()


class OnDevice(Protocol):
    """An evaluation on a device: what is asked of one here."""

    owner: Handle
    device: torch.device
    classes: int
    by_row: bool

    @property
    def nature(self) -> tuple[torch.dtype, bool]: ...

    @property
    def is_capturing(self) -> bool: ...

    def needs(self) -> tuple[int, int]: ...

    def computed(
        self, footing: Footing, wanted: Sequence[bool]
    ) -> tuple[Tensor, list[Tensor | None]]: ...

    @classmethod
    def of(cls, owner: Handle, given: Arguments, step: int = 0, **options: Any) -> OnDevice: ...


class Footing:
    """What a loss has on a device.

    Attributes:
        constants: Its constants there.
        agreed: Of which kinds of batches the answers are known to agree.
    """

    def __init__(self, constants: Tensor) -> None:
        self.constants = constants
        self.agreed: set[tuple[torch.dtype, bool]] = set()

    def keep(self, device: torch.device, *, captured: bool) -> None:
        """Called after each use: the constants may go with the loss, but not before it is done.

        Nothing says how long a graph will be replayed: what one has captured stays.
        """
        if captured:
            _captured[self.constants.data_ptr()] = self.constants
        else:
            _devices.keep_until_done(self.constants, device)


_footings: weakref.WeakKeyDictionary[Handle, dict[torch.device, Footing]] = (
    weakref.WeakKeyDictionary()
)
_agreed: set[tuple[Any, ...]] = set()
_refused: dict[tuple[str, torch.device], str] = {}
_said: set[tuple[torch.device, str]] = set()


def warn_once(device: torch.device, reason: str) -> None:
    """Says why a device's tensors are computed on the CPU."""
    if (device, reason) in _said:
        return
    _said.add((device, reason))
    message = f"topkloss computes tensors on {device} on the CPU: {reason}"
    warnings.warn(message, RuntimeWarning, stacklevel=caller())


def footing(evaluation: OnDevice) -> Footing:
    """What a loss has on the device of a batch, made if this is the first.

    Raises:
        TopKLossError: It cannot be computed there.
    """
    owner, device = evaluation.owner, evaluation.device
    refused = _refused.get((owner._kind, device))
    if refused is not None:
        raise TopKLossError(refused, "TOPKLOSS_ERROR_DEVICE")
    found = _footings.get(owner, {}).get(device)
    if found is not None and evaluation.nature in found.agreed:
        return found
    if evaluation.is_capturing:
        raise RuntimeError(
            "a topkloss loss cannot be captured into a CUDA graph at its first call with such "
            "options, dtype and device: call it once before, to warm up"
        )
    with _lock:
        return _made(evaluation, found)


def _made(evaluation: OnDevice, found: Footing | None) -> Footing:
    owner, device = evaluation.owner, evaluation.device
    size, _ = evaluation.needs()
    try:
        if found is None:
            found = Footing(_devices.room(size, device))
            if size:
                # It waits: the constants are there for every stream.
                found.constants.copy_(torch.from_numpy(cuda.constants(owner, size)))
            _footings.setdefault(owner, {})[device] = found
        key = (owner._kind, _shape(owner), *evaluation.nature, device)
        if key not in _agreed:
            _compare(evaluation, found)
            _agreed.add(key)
    except TopKLossError as error:
        if error.status == "TOPKLOSS_ERROR_DEVICE":
            _refused[owner._kind, device] = str(error)
        raise
    found.agreed.add(evaluation.nature)
    return found


def _shape(owner: Handle) -> frozenset[str]:
    """Which options a loss has, whatever their values: kernels are chosen by that."""
    return frozenset(
        name
        for name, value in owner._arguments.items()
        if isinstance(value, np.ndarray) or value != owner._options[name].default
    )


def known_batch(heads: int, classes: int, dtype: torch.dtype, *, soft: bool) -> Arguments:
    """A batch of which the answers are compared."""
    generator = torch.Generator("cpu").manual_seed(1)
    shape = (1 + heads, _ROWS, classes)
    numbers = torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")
    first, second, targets = (2 * numbers[0] - 1, 2 * numbers[heads - 1] - 1, numbers[heads])
    labels: Tensor = targets.to(dtype) if soft else torch.arange(_ROWS, device="cpu") % classes
    weight = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64, device="cpu")
    return Arguments(first.to(dtype), labels, weight, second.to(dtype))


def _compare(evaluation: OnDevice, footing: Footing) -> None:
    owner, device = evaluation.owner, evaluation.device
    heads = owner._traits.heads
    dtype, soft = evaluation.nature
    with torch.inference_mode(False), torch.no_grad():
        given = known_batch(heads, evaluation.classes, dtype, soft=soft)
        options: dict[str, Any] = {"by_row": evaluation.by_row, "value_dtype": dtype}
        expected = Evaluation.of(owner, given, 1, **options).run([True] * heads)
        there = Arguments(*(_devices.moved(each, device) for each in given))
        known = type(evaluation).of(owner, there, 1, **options)
        found = known.computed(footing, [True] * heads)
    near = max(4 * torch.finfo(dtype).eps, 1e-5)
    for one, other in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        assert one is not None
        assert other is not None
        if not _is_near(one.cpu().double(), other.double(), near):
            raise TopKLossError(
                f"a known batch of {type(owner).__name__} in {dtype} has another answer there than "
                "on the CPU. Please report this",
                "TOPKLOSS_ERROR_DEVICE",
            )


def _is_near(found: Tensor, expected: Tensor, near: float) -> bool:
    finite = expected.isfinite()
    if not torch.equal(found[~finite].nan_to_num(), expected[~finite].nan_to_num()):
        return False
    allowed = near * expected[finite].abs().max() if finite.any() else 0.0
    return bool(((found - expected)[finite].abs() <= allowed).all())

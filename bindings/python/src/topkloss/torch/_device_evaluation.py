"""Evaluations where the logits are: on a CUDA device, by libtopkloss_cuda.so.

Kernels go onto the current stream, in memory of PyTorch's allocator; nothing waits for them, and
the value is a tensor there. What can only be found there makes value and gradient NaN: see
`topkloss.torch._faults`. What a device does not compute is staged: see `topkloss.torch._staging`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, sizeof
from typing import Any

import torch
from torch import Tensor

from topkloss import _abi, _cuda_abi, cuda
from topkloss._handle import Handle
from topkloss._library import check as raise_error
from topkloss.errors import TopKLossError
from topkloss.torch import _devices, _faults, _trust
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._tensors import row_numbers

_LAUNCH_SIZE = sizeof(_cuda_abi.cuda_launch)
_OUTCOME = ctypes.POINTER(_cuda_abi.cuda_outcome)
_TOTAL_WEIGHT, _THRESHOLD = 1, 2
_STAGED = "TOPKLOSS_ERROR_DEVICE", "TOPKLOSS_ERROR_UNSUPPORTED"

Results = tuple[Tensor, list[Tensor | None]]


class DeviceEvaluation(Evaluation):
    """A batch of a device's tensors, and the calls that evaluate it there or, failing that, staged.

    Attributes:
        owner: Has the handle.
        device: Of the scores.
        classes: How many.
        by_row: Whether a run gives one value for each row.
    """

    def __init__(
        self,
        owner: Handle,
        name: str,
        scores: object,
        *,
        on_cpu: Callable[[], Evaluation] | None = None,
        check: bool = False,
        **options: Any,
    ) -> None:
        """Begins with the scores.

        Args:
            owner: Has the handle.
            name: What error messages call the scores.
            scores: Of shape (C), (N, C) or (N, C, d1, ..., dm).
            on_cpu: Makes the same evaluation with staged tensors.
            check: Whether runs wait, to raise what is found on the device.
            options: As for other evaluations.
        """
        super().__init__(owner, name, scores, **options)
        self.owner, self.device = owner, self._scores.device
        self.classes: int = self._batch.classes
        self.by_row = self._by_row
        self._on_cpu, self._check = on_cpu, check
        self._begin: Tensor | None = None
        self._used: Callable[[], Tensor] | None = None
        self._counted: Callable[[], Tensor] | None = None

    @property
    def nature(self) -> tuple[torch.dtype, bool]:
        """What kernels depend on besides the loss: the dtype, and whether labels are soft."""
        return self._scores.dtype, bool(self._batch.soft_labels)

    @property
    def is_capturing(self) -> bool:
        """Whether the stream is being captured into a graph."""
        return _devices.is_capturing(self.device)

    def _without_negative(self, weights: Tensor) -> Tensor:
        """Those below 0 become NaN, which the device finds; looking here would wait for it."""
        return torch.where(weights < 0, torch.nan, weights)

    def begin_threshold(self, threshold: Tensor) -> None:
        """The threshold that a run starts from, wherever it is."""
        self._begin = threshold

    def used_threshold(self) -> Tensor:
        """The one that it used, where it was computed."""
        return super().used_threshold() if self._used is None else self._used()

    def total_weight(self) -> Tensor:
        """What a run's mean was divided by, on the device."""
        return super().total_weight() if self._counted is None else self._counted()

    def needs(self) -> tuple[int, int]:
        """Bytes of constants and workspace, as `topkloss.cuda.needs`."""
        return self._needs(*self._described({}))

    def _needs(self, batch: _abi.batch, result: _abi.result) -> tuple[int, int]:
        return cuda.needs(self.owner, batch, result)

    def run(
        self,
        wanted: Sequence[bool] = (),
        upstream: Tensor | None = None,
        over: Sequence[Tensor | None] = (),
    ) -> Results:
        """Computes value and gradients, as other evaluations do."""
        captured = self.is_capturing
        if not captured:
            _faults.raise_earlier()
        try:
            watched = {"captured": captured, "watched": not captured}
            return self.computed(_trust.footing(self), wanted, upstream, over, **watched)
        except TopKLossError as error:
            if error.status not in _STAGED or captured:
                raise
            return self._staged(str(error)).run(wanted, upstream, over)

    def gradient(self, upstream: Tensor, scores: Tensor) -> Tensor:
        """The gradient for one upstream number a row, as of other evaluations."""
        try:
            factors = _devices.moved(upstream, self.device)
            captured = self.is_capturing
            (found,) = self.computed(_trust.footing(self), (True,), factors, captured=captured)[1]
        except TopKLossError as error:
            if error.status not in _STAGED or self.is_capturing:
                raise
            return self._staged(str(error)).gradient(upstream, scores)
        assert found is not None
        return found

    def _staged(self, reason: str) -> Evaluation:
        assert self._on_cpu is not None
        _trust.warn_once(self.device, reason)
        evaluation = self._on_cpu()
        if self._begin is not None:
            evaluation.begin_threshold(self._begin)
        self._used, self._counted = evaluation.used_threshold, evaluation.total_weight
        return evaluation

    def computed(
        self,
        footing: _trust.Footing,
        wanted: Sequence[bool],
        upstream: Tensor | None = None,
        over: Sequence[Tensor | None] = (),
        *,
        captured: bool = False,
        watched: bool = False,
    ) -> Results:
        """The results, on the device.

        Raises:
            TopKLossError: They cannot be computed there, or something is wrong with the call.
        """
        outputs, batch, result = self._room(wanted, over, to_be_sent=False)
        if upstream is not None:
            factors = row_numbers("upstream", upstream, self._rows)
            batch.upstream = self._address(factors)
        values = None
        if self.by_row:
            values = self._scores.new_empty(self._rows)
            result.row_values = values.data_ptr()
        outcome = self._launch(footing, batch, result, captured=captured)
        if upstream is None:
            self._used = lambda: outcome[_THRESHOLD].clone()
            self._counted = lambda: outcome[_TOTAL_WEIGHT]
            if watched:
                self._watch(outcome)
        value = outcome[0].to(self._value_dtype) if values is None else values
        return value, [None if one is None else one.finished() for one in outputs]

    def _launch(
        self, footing: _trust.Footing, batch: _abi.batch, result: _abi.result, *, captured: bool
    ) -> Tensor:
        """Puts the call on the stream; returns its outcome."""
        _, size = self._needs(batch, result)
        # Given back when this returns, for what comes after on the same stream.
        workspace = _devices.room(size, self.device)
        outcome = torch.empty(6, dtype=torch.float64, device=self.device)
        if self._begin is not None:
            outcome[_THRESHOLD].copy_(self._begin, non_blocking=True)
        elif self.owner._traits.heads == 2:
            outcome[_THRESHOLD].zero_()
        constants = footing.constants
        launch = _cuda_abi.cuda_launch(
            _LAUNCH_SIZE,
            _devices.stream_of(self.device),
            constants.data_ptr() if constants.numel() else None,
            workspace.data_ptr(),
            size,
            ctypes.cast(outcome.data_ptr(), _OUTCOME),
        )
        status = cuda.device_library().topkloss_cuda_evaluate(
            self.owner._handle, byref(batch), byref(result), byref(launch)
        )
        raise_error(status, None, **self.owner._names)
        footing.keep(self.device, captured=captured)
        return outcome

    def _watch(self, outcome: Tensor) -> None:
        name = type(self.owner).__name__
        if self._check:
            _faults.raise_now(outcome, name, self.classes)
        else:
            _faults.watch(outcome, name, self.classes)

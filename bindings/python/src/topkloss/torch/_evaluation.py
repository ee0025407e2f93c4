"""One evaluation: tensors to structs, the call, the answer back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from topkloss import _abi
from topkloss._evaluation import BATCH_SIZE, RESULT_SIZE, call, refuse_negative_weight
from topkloss._handle import Handle
from topkloss.torch._autocast import HALVES
from topkloss.torch._layouts import Strides, class_axis, row_shape, rows_per_group, strides_of
from topkloss.torch._modes import dispatch_modes, is_traced, refuse_tracing
from topkloss.torch._outputs import Gradient, room_for_values
from topkloss.torch._staging import sent, staged
from topkloss.torch._tensors import (
    FLOAT_CODES,
    LABEL_CODES,
    element_stride,
    label_block,
    like,
    noise_block,
    number,
    row_numbers,
    score_block,
    soft_label_block,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_PLAIN = (Tensor, torch.nn.Parameter)
_STRIDED = torch.strided

# Those of the result's matrices that are the gradients of each head.
GRADIENTS = "gradient", "multi_label_gradient"

# A thread's first question makes PyTorch tell OpenMP its number, which the library goes by.
_tell_openmp = torch.get_num_threads


def plain_batch(logits: Tensor, labels: Tensor) -> _abi.batch | None:
    """A batch of plain contiguous tensors, whatever their sizes; None for any others.

    What an `Evaluation` describes for the usual arguments, in few steps: see
    `topkloss._evaluation.evaluate_plain`.
    """
    if type(logits) not in _PLAIN or type(labels) not in _PLAIN:
        return None
    if dispatch_modes() or is_traced():
        return None
    dtype = logits.dtype
    code = FLOAT_CODES.get(dtype)
    label_type = LABEL_CODES.get(labels.dtype)
    if code is None or label_type is None or not (logits.is_cpu and labels.is_cpu):
        return None
    if dtype in HALVES and torch.is_autocast_enabled("cpu"):
        return None  # its value is not of the dtype of the logits
    shape = logits.shape
    if len(shape) != 2 or labels.shape != shape[:1]:
        return None
    if logits.layout is not _STRIDED or labels.layout is not _STRIDED:
        return None
    if not (logits.is_contiguous() and labels.is_contiguous()) or logits.is_neg():
        return None
    try:
        scores, indices = logits.data_ptr(), labels.data_ptr()
    except RuntimeError:
        return None
    if not (scores and indices):
        return None  # without elements, or without memory of its own
    _tell_openmp()
    rows, classes = shape
    return _abi.batch(BATCH_SIZE, rows, classes, code, label_type, scores, 0, indices)


class Arguments(NamedTuple):
    """What a loss is called with."""

    logits: Any
    labels: Any
    sample_weight: Any = None
    second: Any = None
    """Logits of the second head of a loss with two."""
    noise: Any = None


class Evaluation:
    """A batch of tensors for a loss, and the calls that evaluate it.

    Everything is checked when it is added, except what the library checks itself when it runs. Give
    it tensors that `staged` returned: it reads the CPU's memory.

    Attributes:
        constants: The tensors that the batch points to, other than the scores.
    """

    _threshold: float = 0.0

    def __init__(
        self,
        owner: Handle,
        name: str,
        scores: object,
        *,
        by_row: bool,
        value_dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        """Begins with the scores.

        Args:
            owner: Has the handle.
            name: What error messages call the scores.
            scores: Of shape (C), (N, C) or (N, C, d1, ..., dm).
            by_row: Whether a run gives one value for each row.
            value_dtype: Of the value, if it is one. Default: that of the scores.
            device: The device that results are sent to. Default: they stay on the CPU.
        """
        refuse_tracing()
        self._owner = owner
        self._by_row = by_row
        self._device = device
        self.constants: list[Tensor] = []
        self._heads: list[Tensor] = []
        self._strides: dict[str, Strides] = {}
        given, dtype = score_block(name, scores)
        self._value_dtype = value_dtype or given.dtype
        self._rows = row_shape(given)
        classes = given.shape[class_axis(given.dim())]
        self._batch = _abi.batch(BATCH_SIZE, math.prod(self._rows), classes, dtype)
        self._heads.append(given)
        self._scores = self._matrix("logits", given)
        self._batch.logits = self._scores.data_ptr()

    @classmethod
    def of(
        cls, owner: Handle, given: Arguments, step: int = 0, first_row: int = 0, **options: Any
    ) -> Self:
        """A batch with all that a loss is called with; if it is noised, which noise to draw."""
        made = cls(owner, "logits", given.logits, **options)
        made.add_labels(given.labels)
        made.add_sample_weight(given.sample_weight)
        if owner._traits.heads == 2:
            made.add_multi_label_logits(given.second)
        if given.noise is not None:
            classes = made._batch.classes
            made.add_noise(given.noise, (*made._rows, cast("Any", owner).n_samples, classes))
        made.add_step(step, first_row)
        return made

    def _keep(self, tensor: Tensor) -> int:
        self.constants.append(tensor)
        return self._address(tensor)

    def _address(self, tensor: Tensor) -> int:
        """Of a tensor's elements, which a call will look for where the scores are."""
        if tensor.device != self._heads[0].device:
            raise RuntimeError(f"a tensor on {tensor.device} has not been moved to the scores'")
        return tensor.data_ptr()

    def _matrix(self, name: str, tensor: Tensor) -> Tensor:
        """A matrix of the batch's, or its copy if C cannot walk it."""
        strides = strides_of(tensor)
        if strides is None:
            tensor = tensor.contiguous()
            strides = strides_of(tensor)
            assert strides is not None
        self._strides[name] = strides
        return tensor

    def add_labels(self, labels: object) -> None:
        """One class index for each row; or soft labels, which are scores of the logits' shape."""
        soft = soft_label_block("labels", labels, self._heads[0])
        if soft is not None:
            self._batch.soft_labels = self._keep(self._matrix("soft_labels", soft))
            return
        indices, self._batch.label_type = label_block("labels", labels, self._heads[0])
        self._batch.labels = self._keep(indices)

    def add_sample_weight(self, sample_weight: object) -> None:
        """One weight for each row, or None."""
        if sample_weight is not None:
            weights = row_numbers("sample_weight", sample_weight, self._rows)
            self._batch.sample_weight = self._keep(self._without_negative(weights))

    def _without_negative(self, weights: Tensor) -> Tensor:
        if weights.numel():
            refuse_negative_weight(weights.min().item())
        return weights

    def add_noise(self, noise: object, shape: tuple[int, ...]) -> None:
        """Noise of the caller's, of this shape, which ends in samples and classes; or None."""
        if noise is None:
            return
        arithmetic = torch.float64 if self._heads[0].dtype == torch.float64 else torch.float32
        block = noise_block("noise", noise, shape, self._batch.rows, arithmetic)
        self._batch.noise = self._keep(block)
        self._batch.noise_row_stride = element_stride(block, 0)
        self._batch.noise_sample_stride = element_stride(block, 1)

    def add_step(self, step: int, first_row: int = 0) -> None:
        """Which of the library's noise to draw."""
        self._batch.step, self._batch.first_row = step, first_row

    def add_multi_label_logits(self, logits: object) -> None:
        """Scores of a second head, of the same shape and dtype."""
        second = like("multi_label_logits", logits, self._heads[0])
        self._heads.append(second)
        self._batch.multi_label_logits = self._keep(self._matrix("multi_label", second))

    def begin_threshold(self, threshold: Tensor) -> None:
        """The threshold that a run of a two-head loss starts from."""
        self._threshold = float(threshold)

    def used_threshold(self) -> Tensor:
        """The one that it used: float64, without dimensions."""
        return torch.tensor(self._threshold, dtype=torch.float64, device="cpu")

    def describe(self) -> _abi.batch:
        """The batch, for functions that take no more than it."""
        _tell_openmp()
        return self._described({})[0]

    def _described(self, written: dict[str, Strides]) -> tuple[_abi.batch, _abi.result]:
        """The batch and its result, with the strides of all that is read and written.

        A copy: backward passes of one value may run at the same time, each with its upstream.
        """
        batch = _abi.batch.from_buffer_copy(self._batch)
        result = _abi.result(RESULT_SIZE)
        every = {**self._strides, **written}
        batch.rows_per_group, strides = rows_per_group(self._rows, every.values())
        for name, one in zip(every, strides, strict=True):
            one.write(result if name in written else batch, name)
        return batch, result

    def _home(self, result: Tensor) -> Tensor:
        """A result where the caller wants it."""
        return result if self._device is None else sent(result, self._device)

    def run(
        self, wanted: Sequence[bool] = (), upstream: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Calls the library.

        Args:
            wanted: For each head, whether its gradient is wanted.
            upstream: By one value a row: B finite numbers, in the CPU's memory, that multiply the
                gradients of the rows' values. Default 1.

        Returns:
            The value, or one a row, in the dtype of the scores; and for each head, its gradient or
            None.
        """
        remote = self._device is not None
        outputs = [
            Gradient(name, head, to_be_sent=remote) if one else None
            for name, head, one in zip(GRADIENTS, self._heads, wanted, strict=False)
        ]
        batch, result = self._described({one.name: one.strides for one in outputs if one})
        for one in filter(None, outputs):
            setattr(result, one.name, one.buffer.data_ptr())
        result.threshold = self._threshold
        factors = None if upstream is None else row_numbers("upstream", upstream, self._rows)
        batch.upstream = None if factors is None else factors.data_ptr()
        if self._by_row:
            values = room_for_values(self._rows, self._heads[0], to_be_sent=remote)
            result.row_values = values.data_ptr()
        _tell_openmp()
        value = call(self._owner, batch, result)
        if upstream is None:
            self._threshold = result.threshold
        if self._by_row:
            values = self._home(values)
        else:
            values = number(value, self._value_dtype, self._device or self._heads[0].device)
        return values, [None if one is None else self._home(one.finished()) for one in outputs]

    def gradient(self, upstream: Tensor, scores: Tensor) -> Tensor:
        """The gradient of the sum of all rows' values times their upstream numbers.

        Args:
            upstream: One number a row.
            scores: As they were before they were staged.
        """
        (factors,) = staged(upstream)
        if not factors.isfinite().all():
            return torch.full_like(scores, torch.nan)
        gradient = self.run((True,), factors)[1][0]
        assert gradient is not None
        return gradient

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
from topkloss.torch._layouts import Strides, class_axis, row_shape, rows_per_group, strides_of
from topkloss.torch._modes import refuse_tracing
from topkloss.torch._outputs import Gradient, room_for_values
from topkloss.torch._plain import tell_openmp
from topkloss.torch._staging import sent, staged
from topkloss.torch._tensors import (
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

# Those of the result's matrices that are the gradients of each head, and the batch's its scores.
GRADIENTS = "gradient", "multi_label_gradient"
MATRICES = "logits", "multi_label"


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
    _total_weight: float = 0.0

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
        self._read: dict[str, Tensor] = {}
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
        self._strides[name], self._read[name] = strides, tensor
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

    def total_weight(self) -> Tensor:
        """What a run's mean was divided by: float64, without dimensions."""
        return torch.tensor(self._total_weight, dtype=torch.float64, device=self._device or "cpu")

    @property
    def size(self) -> tuple[int, int]:
        """How many rows and classes."""
        return self._batch.rows, self._batch.classes

    def describe(self) -> _abi.batch:
        """The batch, for functions that take no more than it."""
        tell_openmp()
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

    def _room(
        self, wanted: Sequence[bool], over: Sequence[Tensor | None], *, to_be_sent: bool
    ) -> tuple[list[Gradient | None], _abi.batch, _abi.result]:
        """The gradients that are wanted, before they are written, and the structs that say where.

        Args:
            wanted: For each head, whether it is.
            over: For each head, what its gradient is written over, or None; or nothing.
            to_be_sent: Whether they are sent to a device.
        """
        outputs = [
            Gradient(name, head, to_be_sent=to_be_sent, read=self._read[matrix], over=target)
            if one
            else None
            for name, matrix, head, one, target in zip(
                GRADIENTS, MATRICES, self._heads, wanted, over or (None, None), strict=False
            )
        ]
        batch, result = self._described({one.name: one.strides for one in outputs if one})
        for one in filter(None, outputs):
            setattr(result, one.name, one.buffer.data_ptr())
        return outputs, batch, result

    def _delivered(self, output: Gradient | None) -> Tensor | None:
        if output is None:
            return None
        return output.finished() if output.is_over else self._home(output.finished())

    def _call(self, batch: _abi.batch, result: _abi.result) -> float:
        return call(self._owner, batch, result)

    def run(
        self,
        wanted: Sequence[bool] = (),
        upstream: Tensor | None = None,
        over: Sequence[Tensor | None] = (),
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Calls the library.

        Args:
            wanted: For each head, whether its gradient is wanted.
            upstream: By one value a row: B finite numbers, in the CPU's memory, that multiply the
                gradients of the rows' values. Default 1.
            over: For each head, the tensor that its gradient is written over. Default: new ones.

        Returns:
            The value, or one a row, in the dtype of the scores; and for each head, its gradient or
            None.
        """
        remote = self._device is not None
        outputs, batch, result = self._room(wanted, over, to_be_sent=remote)
        result.threshold = self._threshold
        factors = None if upstream is None else row_numbers("upstream", upstream, self._rows)
        batch.upstream = None if factors is None else factors.data_ptr()
        if self._by_row:
            values = room_for_values(self._rows, self._heads[0], to_be_sent=remote)
            result.row_values = values.data_ptr()
        tell_openmp()
        value = self._call(batch, result)
        if upstream is None:
            self._threshold, self._total_weight = result.threshold, result.total_weight
        if self._by_row:
            values = self._home(values)
        else:
            values = number(value, self._value_dtype, self._device or self._heads[0].device)
        return values, [self._delivered(one) for one in outputs]

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

"""A batch for noised top-K by sampling, and what it comes to by sorting."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import topkloss

from device import PTX, Module
from evaluation import ELEMENTS, Batch, Floats, Result, Step

MODULE = Module(PTX / "noised_topk.ptx")
SEED = 2**40 + 11


@dataclasses.dataclass
class Noised:
    """The smoothed order statistic, or a hinge on it."""

    rank: int
    samples: int = 3
    epsilon: float = 1.0
    step: int = 5
    first_row: int = 0
    noise: npt.NDArray[np.float32] | None = None
    labelled: bool = False
    margin: float = 1.0
    scale: float = 1.0
    class_margin: Floats | None = None

    def run(self, batch: Batch, threads: int = 128, blocks: int = 2, order: int = 0) -> Result:
        """Evaluates a batch on the emulated device."""
        classes = batch.logits.shape[1]
        own_margin = None if self.class_margin is None else batch.vector(self.class_margin)

        def describe(call: Any) -> None:
            loss = call.noised_topk
            loss.rank, loss.samples, loss.epsilon = self.rank, self.samples, self.epsilon
            loss.seed, loss.step, loss.first_row = SEED, self.step, self.first_row
            loss.margin, loss.scale = self.margin, self.scale
            loss.class_margin.numbers, loss.has_label = own_margin, self.labelled
            if self.noise is not None:
                strides = [each // 4 for each in self.noise.strides]
                loss.noise, loss.noise_row_stride = self.noise.ctypes.data, strides[0]
                loss.noise_sample_stride = strides[1]
            if not self.labelled:
                call.labels = None

        batch.describe = describe
        step = Step(MODULE, "topk_noised_topk", shared_bytes=256 + 416 + 24 * threads)
        scratch = 8 * min(self.samples, 4096) + 8 * classes
        options = {"threads": threads, "blocks": blocks, "order": order}
        return batch.run([step], scratch_bytes=scratch, **options)

    def drawn(self, rows: int, classes: int) -> npt.NDArray[np.float32]:
        """The noise of a batch."""
        if self.noise is not None:
            return self.noise
        if self.epsilon == 0:
            return np.zeros((rows, self.samples, classes), np.float32)
        where = SEED, self.step, self.first_row
        return topkloss.standard_normal(*where, rows, self.samples, classes)

    def sorted(self, batch: Batch) -> tuple[Floats, Floats]:
        """Values and gradients by sorting all noised scores."""
        logits = batch.stored.astype(np.float32)
        rows, classes = logits.shape
        noise = self.drawn(rows, classes)
        with np.errstate(invalid="ignore", over="ignore"):
            scores = logits[:, None] + noise * np.float32(self.epsilon)
        at_rank = np.sort(scores, axis=2)[:, :, classes - self.rank]
        holders = np.argmax(scores == at_rank[:, :, None], axis=2)
        values = np.array([float(sum(map(float, row))) / self.samples for row in at_rank])
        counts = [np.bincount(each, minlength=classes) for each in holders]
        shares: Floats = np.stack(counts) / self.samples
        factor = batch.scale()
        if self.labelled:
            label = batch.labels
            own = logits[np.arange(rows), label].astype(np.float64)
            with np.errstate(invalid="ignore"):
                gap = np.where(values == own, 0, values - own)
            margin = self.margin if self.class_margin is None else self.class_margin[label]
            hinge = np.maximum(margin + gap, 0)
            values, factor = self.scale * hinge, factor * self.scale
            shares[np.arange(rows), label] -= 1
            shares[hinge == 0] = 0
        return values, factor[:, None] * shares

    def check(self, batch: Batch, **options: Any) -> Result:
        """Evaluates, and compares with sorting: the same bits."""
        result = self.run(batch, **options)
        values, gradient = self.sorted(batch)
        assert result.rows.tobytes() == (values + 0.0).tobytes()
        expected = gradient.astype(np.float32).astype(ELEMENTS[batch.element])
        assert result.gradient is not None
        np.testing.assert_array_equal(result.gradient, expected.astype(np.float64))
        return result


def batch_of(logits: Any, **options: Any) -> Batch:
    """A batch without weights: losses are summed, each with its upstream value."""
    logits = np.asarray(logits, np.float64)
    labels = options.pop("labels", np.zeros(len(logits), np.int64))
    upstream = np.linspace(-1, 2, len(logits))
    return Batch(logits, labels, is_mean=False, **{"upstream": upstream, **options})

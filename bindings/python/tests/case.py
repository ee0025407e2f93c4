"""An entry of the registry of losses, and batches of rows to test it on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import reference
from scipy.special import softmax
from support import FLOAT64, Array, bar, gradient_tolerance, long_tail, stored, ulp

from topkloss._records import LOSSES

Options = dict[str, Any]
Row = Callable[..., tuple[float, Array]]

CLASS_OF = LOSSES
"""The package's losses by their kinds, as the C functions name them."""

SAMPLES = 5


@dataclass(frozen=True)
class Case:
    """A loss with some options.

    Attributes:
        name: Of the entry.
        kind: Of the loss, as the C functions name it.
        options: The constructor's, from the counts of the classes.
        row: The formulation of one row, from the counts: a function of logits and a label, of
            the noise where the loss takes some, and of class weights and label smoothing.
        whole: The formulation of a whole batch, where its rows depend on each other.
        bounded: Whether it expects cosines.
        classes: The fewest that it allows, and the most for which the formulation is quick.
        looser: Times the usual tolerance; above 1, of gradients below 1 as of 1.
        heads: Matrices of logits; two lie side by side in one here.
        noise: Whether tests pass noise.
        masks_label: Whether a label may be masked by -inf.
        has_derivative: Whether the gradient is the value's: not where it takes some of the value
            for a constant.
        is_coupled: Whether the formulation of a batch takes the upstream values of its rows.
    """

    name: str
    kind: str
    options: Callable[[Array], Options]
    row: Callable[[Array], Row] | None = None
    whole: Callable[[Array], Callable[..., Any]] | None = None
    bounded: bool = False
    classes: tuple[int, int] = (1, 200_000)
    looser: float = 1.0
    heads: int = 1
    noise: bool = False
    masks_label: bool = True
    has_derivative: bool = True
    is_coupled: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(inspect.signature(CLASS_OF[self.kind]).parameters)

    def make(self, counts: Array, **options: Any) -> Any:
        return CLASS_OF[self.kind](**self.options(counts), **options)

    def allows(self, classes: int) -> bool:
        return self.classes[0] <= classes <= self.classes[1]

    def class_options(self, rng: np.random.Generator, classes: int) -> Options:
        """Class weights and label smoothing, if it has them."""
        found = {"class_weight": rng.uniform(0.1, 3, classes), "label_smoothing": 0.1}
        return {name: value for name, value in found.items() if name in self.parameters}

    def sample(
        self, rng: np.random.Generator, shape: tuple[int, int], dtype: Any = FLOAT64
    ) -> Batch:
        """A batch on which the loss is not near a discontinuity."""
        rows, classes = shape
        counts = long_tail(classes, rng)
        labels = rng.integers(classes, size=rows)
        while True:
            if self.bounded:
                logits = rng.uniform(-1, 1, (rows, self.heads * classes)).astype(dtype)
            else:
                logits = (2 * rng.standard_normal((rows, self.heads * classes))).astype(dtype)
            if self.heads == 1 or _has_gap(logits[:, :classes], two_head_k(counts)):
                break
        noise = rng.standard_normal((rows, SAMPLES, classes)) if self.noise else None
        if noise is not None and dtype != FLOAT64:
            noise = noise.astype(np.float32)
        return Batch(self, counts, logits, labels, noise)


@dataclass(frozen=True)
class Batch:
    """Counts of the classes, the logits of all heads side by side, labels, and noise."""

    case: Case
    counts: Array
    logits: Array
    labels: Array
    noise: Array | None = None

    def __getitem__(self, rows: Any) -> Batch:
        noise = None if self.noise is None else self.noise[rows]
        return replace(self, logits=self.logits[rows], labels=self.labels[rows], noise=noise)

    def heads(self, matrix: Array) -> tuple[Array, ...]:
        classes = matrix.shape[1] // self.case.heads
        return tuple(
            matrix[:, head * classes : (head + 1) * classes] for head in range(self.case.heads)
        )

    def _given(self, options: Options) -> Options:
        return options if self.noise is None else {**options, "noise": self.noise}

    def value(self, loss: Any, **options: Any) -> Any:
        return loss(*self.heads(self.logits), self.labels, **self._given(options))

    def value_and_grad(self, loss: Any, out: Array | None = None, **options: Any) -> Any:
        """The value, and the gradients of all heads side by side."""
        inputs = self.heads(self.logits)
        outputs = dict.fromkeys(("out", "multi_label_out")[: self.case.heads])
        if out is not None:
            outputs = dict(zip(outputs, self.heads(out), strict=True))
        value, found = loss.value_and_grad(*inputs, self.labels, **outputs, **self._given(options))
        gradients = found if self.case.heads == 2 else (found,)
        for gradient, output in zip(gradients, outputs.values(), strict=True):
            assert output is None or gradient is output
        if out is not None:
            return value, out
        return value, gradients[0] if self.case.heads == 1 else np.concatenate(gradients, axis=1)

    def expect(
        self, class_options: Options | None = None, upstream: Array | None = None, **options: Any
    ) -> Any:
        """Value(s) and gradient of the formulation; options are those of all losses.

        The gradient is that of the values times upstream, if there is some.
        """
        given = class_options or {}
        if upstream is not None:
            if self.case.is_coupled:
                options["upstream"] = upstream
            else:
                value, gradient = self.expect(given, **options)
                return value, gradient * upstream[:, None]
        if self.case.whole is not None:
            value, *gradients = self.case.whole(self.counts)(
                *self.heads(self.logits), self.labels, **options
            )[: 1 + self.case.heads]
            return value, np.concatenate(gradients, axis=1)
        assert self.case.row is not None
        row = self.case.row(self.counts)
        ignored = options.get("ignore_index", -100)
        rows = []
        for i, (z, y) in enumerate(zip(self.logits, self.labels, strict=True)):
            more = () if self.noise is None else (self.noise[i],)
            rows.append(row(z, 0 if y == ignored else int(y), *more, **given))
        return reference.reduced(
            rows, self.labels, class_weight=given.get("class_weight"), **options
        )


def large(case: Case, shape: tuple[int, int], dtype: np.dtype[Any], power: int) -> Batch:
    """A batch whose logits are of the order of 2^power.

    Rows are all about equal, all but equal, and of either sign.
    """
    rng = np.random.default_rng(power)
    batch = case.sample(rng, shape, dtype)
    size = rng.uniform(1, 1.9, batch.logits.shape) * rng.choice([-1, 1, 1], batch.logits.shape)
    size[::3], size[1::3] = 1.5, -1.5
    batch.logits[:] = (batch.logits.astype(np.float64) + size * 2.0**power).astype(dtype)
    return batch


def assert_large(case: Case, batch: Batch, values: Array, gradient: Array, **given: Any) -> None:
    """What a row of large scores s (d z + a - b) gives, as near as their own rounding allows.

    That is a few ulps, and so of their gradients, unless it is more than they are.
    """
    options = case.options(batch.counts)
    largest = np.abs(batch.logits.astype(np.float64)).max(axis=1)
    largest *= np.max(options.get("class_scale", 1.0))
    for name in ("offset", "margin"):
        largest += np.abs(options.get(name, 0.0)).max()
    dtype = batch.logits.dtype
    arithmetic = dtype if dtype == FLOAT64 else np.dtype(np.float32)
    expected, slope = batch.expect(given, reduction="none")
    slack = 4 * (getattr(case.make(batch.counts), "scale", None) or 1.0) * ulp(largest, arithmetic)
    near = bar(dtype)
    finite = np.isfinite(stored(expected, dtype))
    found = values.astype(np.float64)
    assert not np.isnan(found).any()
    rounding = ulp(np.where(finite, expected, 0.0), dtype)
    error = np.abs(found - expected)[finite]
    assert np.all(error <= (near * np.maximum(1, np.abs(expected)) + slack + rounding)[finite])
    assert np.isfinite(gradient.astype(np.float64)).all()
    allowed = gradient_tolerance(slope, dtype, max(case.looser, 1.001))
    allowed += slack[:, None] * np.abs(slope).max()
    error = np.abs(gradient.astype(np.float64) - slope)
    assert np.all(error[slack < 0.1] <= allowed[slack < 0.1])


def two_head_k(counts: Array) -> float:
    return 1.5 if len(counts) > 2 else 0.6


def _has_gap(logits: Array, k: float) -> bool:
    """No two probabilities near the threshold."""
    ranked = np.sort(softmax(logits.astype(np.float64), axis=1).ravel())[::-1]
    last = round(len(logits) * k)
    return last in (0, logits.size) or ranked[last - 1] > ranked[last] * (1 + 1e-4)

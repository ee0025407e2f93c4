"""Every loss beside its formulation in float64: the one registry that all tests go through.

An entry has a loss with options of no particular meaning, as functions of the class counts, so that
it can be made of NumPy, of PyTorch, of JAX or in C alike, and the formulation in `reference`,
`reference_topk` or `reference_average_k` that it must agree with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import reference
import reference_average_k
import reference_topk
from scipy.special import softmax
from support import FLOAT64, Array, long_tail

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
            if self.case.name in COUPLED:
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


def few(counts: Array) -> int:
    """A K that so many classes allow."""
    return min(3, len(counts) - 1)


def two_head_k(counts: Array) -> float:
    return 1.5 if len(counts) > 2 else 0.6


def _has_gap(logits: Array, k: float) -> bool:
    """No two probabilities near the threshold."""
    ranked = np.sort(softmax(logits.astype(np.float64), axis=1).ravel())[::-1]
    last = round(len(logits) * k)
    return last in (0, logits.size) or ranked[last - 1] > ranked[last] * (1 + 1e-4)


def _softmax(terms: Callable[[Array], Options]) -> Callable[[Array], Row]:
    return lambda counts: partial(reference.softmax_margin_row, **terms(counts))


def _log_prior(counts: Array) -> Array:
    return np.asarray(np.log(reference.frequencies(counts)))


def any_vectors(counts: Array) -> Options:
    """Options of the general member: vectors by class of no particular meaning."""
    counts = np.asarray(counts)
    return {
        "offset": np.cos(counts),
        "margin": np.sin(counts),
        "class_scale": np.exp(np.cos(3 * counts)),
        "scale": 2.5,
        "lam": -0.4,
    }


def _noised(counts: Array) -> Options:
    return {"k": few(counts), "epsilon": 0.5, "margin": 1.0}


def _imbalanced(counts: Array) -> Options:
    return {
        "k": few(counts),
        "epsilon": 0.2,
        "class_counts": counts,
        "max_margin": 0.4,
        "scale": 3.0,
        "count_smoothing": 0.5,
    }


def _imbalanced_row(row: Row) -> Callable[[Array], Row]:
    """The margin of the row's class, from smoothed counts."""

    def of(counts: Array) -> Row:
        margins = reference.margins(counts + 0.5, 0.4)

        def with_margin(z: Array, y: int, *noise: Array) -> tuple[float, Array]:
            return row(z, y, *noise, k=few(counts), epsilon=0.2, margin=margins[y], scale=3.0)

        return with_margin

    return of


_SVM = {"tau": 0.7, "alpha": 1.3}
_EPR = {"expected_positives": 1.5, "regularization": 2.0}
_TWO_HEADS = {"candidate_weight": 0.4, "multi_label_weight": 1.7}

CASES = (
    Case("cross_entropy", "cross_entropy", lambda _: {}, _softmax(lambda _: {})),
    Case(
        "logit_adjusted",
        "logit_adjusted",
        lambda counts: {"class_counts": counts, "tau": -0.7},
        _softmax(lambda counts: {"offset": -0.7 * _log_prior(counts)}),
    ),
    Case(
        "vector_scaling",
        "vector_scaling",
        lambda counts: {"class_counts": counts, "gamma": 0.2, "tau": 0.9, "count_smoothing": 2.0},
        _softmax(
            lambda counts: {
                "class_scale": ((counts + 2) / np.max(counts + 2)) ** 0.2,
                "offset": 0.9 * _log_prior(counts + 2),
            }
        ),
    ),
    Case(
        "ldam",
        "ldam",
        lambda counts: {"class_counts": counts, "max_margin": 0.4},
        _softmax(lambda counts: {"margin": reference.margins(counts, 0.4), "scale": 30.0}),
        bounded=True,
    ),
    Case(
        "elm",
        "elm",
        lambda counts: {"class_counts": counts, "scale": 20.0, "count_smoothing": 3.0},
        _softmax(
            lambda counts: {"margin": reference.margins(counts + 3, 0.5), "scale": 20.0, "lam": 1.0}
        ),
        bounded=True,
    ),
    Case(
        "elm_half",
        "elm",
        lambda counts: {"class_counts": counts, "max_margin": 0.3, "scale": 10.0, "lam": 0.5},
        _softmax(
            lambda counts: {"margin": reference.margins(counts, 0.3), "scale": 10.0, "lam": 0.5}
        ),
        bounded=True,
    ),
    Case("margin_softmax", "margin_softmax", any_vectors, _softmax(any_vectors), bounded=True),
    Case(
        "focal",
        "focal",
        lambda _: {"gamma": 1.7},
        lambda _: partial(reference.focal_row, gamma=1.7),
    ),
    Case(
        "topk_hinge",
        "topk_hinge",
        lambda counts: {"k": few(counts), "margin": 0.8},
        lambda counts: partial(reference_topk.hinge_row, k=few(counts), margin=0.8),
        classes=(2, 200_000),
        masks_label=False,
    ),
    Case(
        "smooth_topk_svm",
        "smooth_topk_svm",
        lambda counts: {"k": few(counts), **_SVM},
        lambda counts: partial(reference_topk.smooth_svm_row, k=few(counts), **_SVM),
        classes=(2, 1000),
    ),
    Case(
        "noised_topk",
        "noised_topk",
        _noised,
        lambda counts: partial(reference_topk.noised_row, **_noised(counts)),
        classes=(2, 200_000),
        noise=True,
        masks_label=False,
    ),
    Case(
        "imbalanced_noised_topk",
        "noised_topk",
        _imbalanced,
        _imbalanced_row(reference_topk.noised_row),
        bounded=True,
        classes=(2, 200_000),
        noise=True,
        masks_label=False,
    ),
    Case(
        "exact_noised_topk",
        "noised_topk",
        lambda counts: {**_noised(counts), "estimator": "exact"},
        lambda counts: partial(reference_topk.exact_row, **_noised(counts)),
        classes=(2, 100),
        looser=3.5,  # its bar is 1e-5 in float32
        masks_label=False,
    ),
    Case(
        "imbalanced_exact_noised_topk",
        "noised_topk",
        lambda counts: {**_imbalanced(counts), "estimator": "exact"},
        _imbalanced_row(reference_topk.exact_row),
        bounded=True,
        classes=(2, 40),
        looser=3.5,
        masks_label=False,
    ),
    Case(
        "outlying_mse",
        "outlying_mse",
        lambda counts: {"class_counts": counts, "alpha": 0.4},
        lambda counts: partial(
            reference.outlying_mse_row, teacher=reference.outlying_teacher(counts, 0.4)
        ),
    ),
    Case(
        "assume_negative",
        "single_positive",
        lambda _: {"method": "an"},
        lambda _: reference_average_k.single_positive_row,
    ),
    Case(
        "weak_assume_negative",
        "single_positive",
        lambda _: {"method": "wan"},
        lambda _: partial(reference_average_k.single_positive_row, weak=True),
    ),
    Case(
        "expected_positive",
        "single_positive",
        lambda _: {"method": "epr", **_EPR},
        whole=lambda _: partial(reference_average_k.expected_positive, **_EPR),
    ),
    Case(
        "two_head_average_k",
        "two_head_average_k",
        lambda counts: {"k": two_head_k(counts), **_TWO_HEADS},
        whole=lambda counts: partial(
            reference_average_k.two_head, k=two_head_k(counts), **_TWO_HEADS
        ),
        classes=(2, 200_000),
        heads=2,
        masks_label=False,
    ),
    Case(
        "two_head_average_k_mean",
        "two_head_average_k",
        lambda counts: {"k": two_head_k(counts), "class_reduction": "mean"},
        whole=lambda counts: partial(
            reference_average_k.two_head, k=two_head_k(counts), class_reduction="mean"
        ),
        classes=(2, 200_000),
        heads=2,
        masks_label=False,
    ),
)
BY_NAME = {case.name: case for case in CASES}
COMPARED = tuple(case.name for case in CASES if case.whole is not None)
"""Losses whose rows depend on each other."""

COUPLED = ("expected_positive",)
"""Those that do in a way that has a derivative."""

cases = pytest.mark.parametrize("case", CASES, ids=BY_NAME)

_COMMON = "reduction='mean', ignore_index=-100, check_finite=False"
_SOFTMAX = f"class_weight=None, label_smoothing=0.0, {_COMMON}"
_DRAWS = "estimator='exact', n_samples=5, seed=0, step=0, noise=None, check_finite=False"

# The names, order and defaults of arguments that are promised; those after * in any order.
CONTRACT = {
    "CrossEntropyLoss": f"*, {_SOFTMAX}",
    "LogitAdjustedLoss": f"class_counts, tau=1.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "VectorScalingLoss": f"class_counts, gamma=0.3, tau=1.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "LDAMLoss": f"class_counts, max_margin=0.5, scale=30.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "ELMLoss": (
        f"class_counts, max_margin=0.5, scale=30.0, lam=1.0, *, {_SOFTMAX}, count_smoothing=0.0"
    ),
    "MarginSoftmaxLoss": (
        f"*, offset=None, margin=None, class_scale=None, scale=1.0, lam=0.0, {_SOFTMAX}"
    ),
    "FocalLoss": f"gamma=2.0, *, class_weight=None, {_COMMON}",
    "TopKHingeLoss": f"k, margin=1.0, *, {_COMMON}",
    "SmoothTopKSVMLoss": f"k, tau=1.0, alpha=1.0, *, {_COMMON}",
    "NoisedTopKLoss": (
        "k, epsilon=1.0, *, estimator='monte_carlo', n_samples=5, seed=0, margin=1.0, "
        f"class_counts=None, max_margin=None, scale=1.0, count_smoothing=0.0, {_COMMON}"
    ),
    "OutlyingMSELoss": (
        f"class_counts=None, alpha=1.0, *, teacher=None, count_smoothing=0.0, {_COMMON}"
    ),
    "TwoHeadAverageKLoss": (
        "k, *, candidate_weight=1.0, multi_label_weight=1.0, class_reduction='sum', "
        f"threshold_decay=0.0, {_COMMON}"
    ),
    "SinglePositiveLoss": (
        f"method='an', *, expected_positives=None, regularization=1.0, {_COMMON}"
    ),
    "noised_topk": f"x, k, epsilon=1.0, *, {_DRAWS}",
    "noised_topk_vjp": f"x, k, epsilon=1.0, *, upstream=None, out=None, {_DRAWS}",
}

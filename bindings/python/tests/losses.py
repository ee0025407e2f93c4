"""Every loss beside its formulation in float64: the one registry that all tests go through.

An entry has a loss with options of no particular meaning, as functions of the class counts, so that
it can be made of NumPy, of PyTorch, of JAX or in C alike, and the formulation in `reference`,
`reference_topk` or `reference_average_k` that it must agree with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import reference
import reference_average_k
import reference_topk
from case import CLASS_OF, Case, Options, Row, two_head_k
from support import Array


def few(counts: Array) -> int:
    """A K that so many classes allow."""
    return min(3, len(counts) - 1)


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


def _of_ranks(counts: Array) -> Options:
    weights = np.arange(few(counts)) + 0.5
    return {"k": few(counts), "epsilon": 1.5, "weights": weights / weights.sum()}


_SVM = {"tau": 0.7, "alpha": 1.3}
_EPR = {"expected_positives": 1.5, "regularization": 2.0}
_TWO_HEADS = {"candidate_weight": 0.4, "multi_label_weight": 1.7, "class_reduction": "sum"}

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
        "seesaw",
        "seesaw",
        lambda counts: {"class_counts": counts, "p": 0.7, "q": 1.5},
        lambda counts: partial(reference.seesaw_row, counts=counts, p=0.7, q=1.5),
        has_derivative=False,
    ),
    Case(
        "seesaw_mitigation",
        "seesaw",
        lambda counts: {"class_counts": counts, "q": 0.0, "count_smoothing": 2.0},
        lambda counts: partial(reference.seesaw_row, counts=counts + 2, p=0.8, q=0.0),
    ),
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
        "topk_cross_entropy",
        "topk_cross_entropy",
        lambda counts: {"k": few(counts), "epsilon": 0.6},
        lambda counts: partial(reference_topk.topk_cross_entropy_row, k=few(counts), epsilon=0.6),
        classes=(2, 100),
        looser=3.5,
    ),
    Case(
        "topk_cross_entropy_of_ranks",
        "topk_cross_entropy",
        _of_ranks,
        lambda counts: partial(reference_topk.topk_cross_entropy_row, **_of_ranks(counts)),
        classes=(2, 40),
        looser=3.5,
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
        is_coupled=True,
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
        lambda counts: {"k": two_head_k(counts)},
        whole=lambda counts: partial(
            reference_average_k.two_head, k=two_head_k(counts), class_reduction="mean"
        ),
        classes=(2, 200_000),
        heads=2,
        masks_label=False,
    ),
)
BY_NAME = {case.name: case for case in CASES}
DIFFERENTIABLE = {case.name: case for case in CASES if case.has_derivative}
BY_KIND = {case.kind: case for case in reversed(CASES)}
"""The first entry of every loss."""

SCALED = CLASS_OF["vector_scaling"]
"""The loss that multiplies logits by a power of the counts."""

COMPARED = tuple(case.name for case in CASES if case.whole is not None)
"""Losses whose rows depend on each other."""

SOFTMAX = tuple(case for case in CASES if "class_weight" in case.parameters)
"""The family of the softmax margins, and the focal loss."""

SOFT = tuple(
    case
    for case in SOFTMAX
    if case.row and getattr(case.row(np.ones(3)), "func", None) is reference.softmax_margin_row
)
"""Those of them that take soft labels: whose rows are a cross-entropy of whatever the label."""

cases = pytest.mark.parametrize("case", CASES, ids=BY_NAME)

"""The losses outside the softmax-margin family beside their references, for tests of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reference
import reference_average_k
import reference_topk
from support import Array

import topkloss

# Options of the losses, of no particular meaning.
TAU, ALPHA, GAMMA = 0.7, 1.3, 1.7


@dataclass(frozen=True)
class Kind:
    """A loss with some options: how it is made, and the reference of a row or of a batch."""

    name: str
    make: Callable[..., Any]
    row: Callable[[Array, int, Array], tuple[float, Array]] | None = None
    whole: Callable[..., tuple[Any, Array]] | None = None
    least_classes: int = 1
    # For which the reference is quick enough.
    most_classes: int = 200_000
    # Times the usual tolerance.
    looser: float = 1.0

    def expect(self, counts: Array, logits: Array, labels: Array, **options: Any) -> Any:
        if self.whole is not None:
            return self.whole(logits, labels, **options)
        assert self.row is not None
        ignored = options.get("ignore_index", -100)
        rows = [
            self.row(z, 0 if y == ignored else int(y), counts)
            for z, y in zip(logits, labels, strict=True)
        ]
        return reference.reduced(rows, labels, **options)


def few(counts: Array) -> int:
    """A K that so many classes allow."""
    return min(3, len(counts) - 1)


KINDS = (
    Kind(
        "focal",
        lambda _, **o: topkloss.FocalLoss(GAMMA, **o),
        lambda z, y, _: reference.focal_row(z, y, gamma=GAMMA),
    ),
    Kind(
        "hinge",
        lambda counts, **o: topkloss.TopKHingeLoss(few(counts), 0.8, **o),
        lambda z, y, counts: reference_topk.hinge_row(z, y, k=few(counts), margin=0.8),
        least_classes=2,
    ),
    Kind(
        "smooth_svm",
        lambda counts, **o: topkloss.SmoothTopKSVMLoss(few(counts), TAU, ALPHA, **o),
        lambda z, y, counts: reference_topk.smooth_svm_row(
            z, y, k=few(counts), tau=TAU, alpha=ALPHA
        ),
        least_classes=2,
        most_classes=1000,
    ),
    Kind(
        "exact",
        lambda counts, **o: topkloss.NoisedTopKLoss(few(counts), 0.5, estimator="exact", **o),
        lambda z, y, counts: reference_topk.exact_row(z, y, k=few(counts), epsilon=0.5),
        least_classes=2,
        most_classes=100,
        looser=4.0,  # its bar is 1e-5 in float32
    ),
    Kind(
        "outlying_mse",
        lambda counts, **o: topkloss.OutlyingMSELoss(counts, 0.4, **o),
        lambda z, y, counts: reference.outlying_mse_row(
            z, y, teacher=reference.outlying_teacher(counts, 0.4)
        ),
    ),
    Kind(
        "assume_negative",
        lambda _, **o: topkloss.SinglePositiveLoss(**o),
        lambda z, y, _: reference_average_k.single_positive_row(z, y),
    ),
    Kind(
        "weak_assume_negative",
        lambda _, **o: topkloss.SinglePositiveLoss("wan", **o),
        lambda z, y, _: reference_average_k.single_positive_row(z, y, weak=True),
    ),
    Kind(
        "expected_positive",
        lambda _, **o: topkloss.SinglePositiveLoss(
            "epr", expected_positives=1.5, regularization=2.0, **o
        ),
        whole=lambda logits, labels, **o: reference_average_k.expected_positive(
            logits, labels, expected_positives=1.5, regularization=2.0, **o
        ),
    ),
)
KIND_IDS = [kind.name for kind in KINDS]

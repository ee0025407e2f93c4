"""Our losses: how each is made, and which rows it is timed on. Knows nothing of peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import topkloss
from benchmarks.constants import ALPHA, EXPECTED, SAMPLES, Counts, K, class_scales, margins
from benchmarks.constants import frequencies as log_frequencies
from benchmarks.problems import CONFIDENT, SIZES, TRAINED, UNTRAINED, Problem, Size

SOFTMAX = "softmax"
TOPK = "top-K"
OTHER = "other"

Run = Callable[[], Any]


@dataclass(frozen=True)
class Loss:
    """One of ours with its options.

    Attributes:
        name: Ours, and of the peers' formulations.
        family: ``"softmax"``, ``"top-K"`` or ``"other"``.
        make: The loss from the counts of the classes.
        cosines: Whether it expects logits in [-1, 1].
        by_rows: Whether it is timed on trained-like rows too.
        heads: How many matrices of logits there are.
        rows_at_100_000: A slow peer gets fewer rows.
        chooses: Whether the gradient tells which of several equal logits was chosen.
    """

    name: str
    family: str
    make: Callable[[Counts], Any]
    cosines: bool = False
    by_rows: bool = False
    heads: int = 1
    rows_at_100_000: int = 64
    chooses: bool = False

    def sizes(self) -> tuple[Size, ...]:
        """The sizes it is timed at."""
        return tuple(
            Size(self.rows_at_100_000, size.classes) if size.classes == 100_000 else size
            for size in SIZES
        )

    def problems(self, size: Size, dtype: str = "float32", kinds: str = "") -> list[Problem]:
        """The batches of one size, one for each kind of row."""
        asked = kinds.split(",") if kinds else [UNTRAINED, TRAINED]
        found = [kind for kind in (UNTRAINED, TRAINED, CONFIDENT) if kind in asked]
        if not self.by_rows:
            found = [UNTRAINED]
        return [Problem(size, kind, dtype, self.cosines) for kind in found]


LOSSES = (
    Loss("cross_entropy", SOFTMAX, lambda _: topkloss.CrossEntropyLoss()),
    Loss("logit_adjusted", SOFTMAX, topkloss.LogitAdjustedLoss),
    Loss("vector_scaling", SOFTMAX, topkloss.VectorScalingLoss),
    Loss("focal", SOFTMAX, lambda _: topkloss.FocalLoss()),
    Loss("ldam", SOFTMAX, topkloss.LDAMLoss, cosines=True),
    Loss("elm", SOFTMAX, topkloss.ELMLoss, cosines=True, chooses=True),
    Loss(
        "margin_softmax",
        SOFTMAX,
        lambda counts: topkloss.MarginSoftmaxLoss(
            offset=log_frequencies(counts),
            margin=margins(counts),
            class_scale=class_scales(counts),
        ),
    ),
    Loss("topk_hinge", TOPK, lambda _: topkloss.TopKHingeLoss(K), by_rows=True, chooses=True),
    Loss(
        "noised_topk",
        TOPK,
        lambda _: topkloss.NoisedTopKLoss(K, n_samples=SAMPLES),
        by_rows=True,
        rows_at_100_000=16,
    ),
    Loss(
        "noised_topk_imbalanced",
        TOPK,
        lambda counts: topkloss.NoisedTopKLoss(
            K, 0.1, n_samples=SAMPLES, class_counts=counts, max_margin=0.3, scale=50.0
        ),
        cosines=True,
        rows_at_100_000=16,
    ),
    Loss(
        "exact_noised_topk",
        TOPK,
        lambda _: topkloss.NoisedTopKLoss(K, estimator="exact"),
        by_rows=True,
        rows_at_100_000=16,
    ),
    Loss(
        "smooth_topk_svm",
        TOPK,
        lambda _: topkloss.SmoothTopKSVMLoss(K),
        by_rows=True,
        rows_at_100_000=16,
    ),
    Loss("outlying_mse", OTHER, lambda counts: topkloss.OutlyingMSELoss(counts, ALPHA)),
    Loss("two_head", OTHER, lambda _: topkloss.TwoHeadAverageKLoss(K), heads=2, chooses=True),
    Loss("assume_negative", OTHER, lambda _: topkloss.SinglePositiveLoss("an")),
    Loss("weak_assume_negative", OTHER, lambda _: topkloss.SinglePositiveLoss("wan")),
    Loss(
        "expected_positive",
        OTHER,
        lambda _: topkloss.SinglePositiveLoss("epr", expected_positives=EXPECTED),
    ),
)
BY_NAME = {loss.name: loss for loss in LOSSES}


def evaluation(loss: Loss, problem: Problem) -> Run:
    """Our call from NumPy arrays into arrays that are there: the value and the gradient."""
    made = loss.make(problem.counts)
    logits, labels = problem.logits, problem.labels
    # Written to, so that its memory is there before the first call.
    out = np.full_like(logits, 0)
    if loss.heads == 1:
        return lambda: made.value_and_grad(logits, labels, out=out)
    second = problem.second
    other = np.full_like(second, 0)
    return lambda: made.value_and_grad(logits, second, labels, out=out, multi_label_out=other)

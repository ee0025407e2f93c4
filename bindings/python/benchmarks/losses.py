"""Our losses: how each is made, and which rows it is timed on. Knows nothing of peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import topkloss
from benchmarks.constants import ALPHA, EXPECTED, SAMPLES, Counts, K, class_scales, margins
from benchmarks.constants import frequencies as log_frequencies
from benchmarks.problems import CONFIDENT, SIZES, TRAINED, UNTRAINED, Problem, Size
from topkloss._records import LOSSES as RECORDS

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
        make: The loss from the counts of the classes; or what is called so in another module.
        cosines: Whether it expects logits in [-1, 1].
        by_rows: Whether it is timed on trained-like rows too.
        heads: How many matrices of logits there are.
        rows_at_100_000: A slow peer gets fewer rows.
        chooses: Whether the gradient tells which of several equal logits was chosen.
    """

    name: str
    family: str
    make: Callable[..., Any]
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


Options = Callable[[Counts], dict[str, Any]]

# What is timed of a loss, by the benchmark's own names, where it is not its defaults alone.
_VARIANTS: dict[str, dict[str, Options]] = {
    "margin_softmax": {
        "margin_softmax": lambda counts: {
            "offset": log_frequencies(counts),
            "margin": margins(counts),
            "class_scale": class_scales(counts),
        },
    },
    "noised_topk": {
        "noised_topk": lambda _: {"n_samples": SAMPLES},
        "noised_topk_imbalanced": lambda counts: {
            "epsilon": 0.1,
            "n_samples": SAMPLES,
            "class_counts": counts,
            "max_margin": 0.3,
            "scale": 50.0,
        },
        "exact_noised_topk": lambda _: {"estimator": "exact"},
    },
    "outlying_mse": {"outlying_mse": lambda counts: {"class_counts": counts, "alpha": ALPHA}},
    "two_head_average_k": {"two_head": lambda _: {}},
    "single_positive": {
        "assume_negative": lambda _: {},
        "weak_assume_negative": lambda _: {"method": "wan"},
        "expected_positive": lambda _: {"method": "epr", "expected_positives": EXPECTED},
    },
}
_COSINES = "ldam", "elm", "noised_topk_imbalanced"
_CHOOSES = "elm", "topk_hinge", "two_head"
_SLOW_PEERS = "noised_topk", "noised_topk_imbalanced", "exact_noised_topk", "smooth_topk_svm"


def _family(kind: Any) -> str:
    if kind._traits.softmax_factor is not None:
        return SOFTMAX
    return TOPK if "k" in kind._options and kind._traits.heads == 1 else OTHER


def _maker(kind: Any, options: Options) -> Callable[..., Any]:
    counts = kind._options.get("class_counts")
    needs_counts = counts is not None and counts.default is counts.empty

    def make(counts: Counts, module: Any = topkloss) -> Any:
        needed: dict[str, Any] = {"k": K} if "k" in kind._options else {}
        if needs_counts:
            needed["class_counts"] = counts
        return getattr(module, kind.__name__)(**needed, **options(counts))

    return make


def _losses() -> Iterator[Loss]:
    for kind in RECORDS.values():
        variants = _VARIANTS.get(kind._kind, {kind._kind: lambda _: {}})
        for name, options in variants.items():
            family = _family(kind)
            yield Loss(
                name,
                family,
                _maker(kind, options),
                cosines=name in _COSINES,
                by_rows=family == TOPK and name not in _COSINES,
                heads=kind._traits.heads,
                rows_at_100_000=16 if name in _SLOW_PEERS else 64,
                chooses=name in _CHOOSES,
            )


LOSSES = tuple(sorted(_losses(), key=lambda loss: (SOFTMAX, TOPK, OTHER).index(loss.family)))
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

"""How fast it should be: ratios in one run, two threads, float32, value and gradient."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.lines import Line
from benchmarks.losses import SOFTMAX, TOPK, Loss
from benchmarks.peers import COMPILE, EAGER, PYTOPK
from benchmarks.problems import TRAINED, UNTRAINED, Size

FLOOR = "copy"

ByClasses = dict[int, float]

_SOFTMAX: ByClasses = {100: 2, 1000: 5, 10_000: 4, 100_000: 3}
_SOFTMAX_FLOOR: ByClasses = {10_000: 0.35, 100_000: 0.4}
_SVM: ByClasses = {100: 10, 1000: 10, 10_000: 10}
_NOISED: dict[str, dict[str, ByClasses]] = {
    "noised_topk": {
        UNTRAINED: {100: 8, 1000: 8, 10_000: 8, 100_000: 8},
        TRAINED: {100: 10, 1000: 40, 10_000: 50, 100_000: 50},
    },
    "exact_noised_topk": {
        UNTRAINED: {100: 2, 1000: 2, 10_000: 4},
        TRAINED: {100: 5, 1000: 30, 10_000: 50},
    },
}

# bfloat16 beside float32, at 64x100,000.
BFLOAT16: ByClasses = {100_000: 1.0}
# One thread's time divided by two threads', from 256x1000 up.
TWO_THREADS = 1.7
# AVX-512's time divided by AVX2's.
AVX2 = 0.5
# Time per element at 10,000 classes divided by that at 1,000,000, where the floor is memory.
_GROWTH = 1 / 1.5
# Resident memory that rows add to a call, in multiples of their logits.
MEMORY = 0.05


def growth(loss: Loss) -> float | None:
    """The bar of the growth with the number of classes: for what does little but read and write."""
    return _GROWTH if loss.family != TOPK or loss.name == "topk_hinge" else None


def _of(loss: Loss, rows: str, against: str) -> ByClasses:
    if against == FLOOR:
        return _SOFTMAX_FLOOR if loss.family == SOFTMAX else {}
    if against == PYTOPK:
        return _NOISED.get(loss.name, {}).get(rows, {})
    if against == EAGER and loss.name == "smooth_topk_svm":
        return _SVM
    return {}


def set_bars(loss: Loss, size: Size, lines: Iterable[Line]) -> None:
    """Gives the lines of one problem their bars.

    The softmax family is held to the faster of PyTorch's two ways, so that only one has a bar.
    """
    lines = list(lines)
    for line in lines:
        line.bar = _of(loss, line.rows, line.against).get(size.classes)
    pytorch = [line for line in lines if line.against in (EAGER, COMPILE)]
    if loss.family == SOFTMAX and pytorch:
        fastest = min(pytorch, key=lambda line: line.figure)
        fastest.bar = _SOFTMAX.get(size.classes)

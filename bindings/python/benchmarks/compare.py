"""Times topkloss beside PyTorch and the noised top-K loss of its authors, value and gradient.

    pip install topkloss[torch] pytopk
    python compare.py

Calls of the two sides alternate in one process, with the same number of threads each. A ratio is
the median over pairs of neighbouring calls, so that what slows the machine for a while slows both.
With --in-a-row each side has so many calls before it is the other's turn, and finds the processor's
caches as its own last call left them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from pytopk import BalNoisedTopK

import topkloss
import topkloss.torch

Run = Callable[[], object]


@dataclass
class Comparison:
    """Two ways to the same numbers, and how many times as fast the first should be."""

    name: str
    ours: Run
    theirs: Run
    bar: float


def milliseconds(run: Run) -> float:
    """How long one call takes."""
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e6


def differentiated(loss: Callable[..., torch.Tensor], logits: torch.Tensor, *rest: object) -> Run:
    """A forward and a backward pass of a PyTorch loss."""

    def run() -> object:
        return torch.autograd.grad(loss(logits, *rest), logits)

    return run


def comparisons(rows: int, classes: int) -> list[Comparison]:
    """The losses on one random batch of float32 logits and a long tail of class counts."""
    rng = np.random.default_rng(0)
    array = rng.standard_normal((rows, classes)).astype(np.float32)
    labels = rng.integers(classes, size=rows)
    counts = np.ceil(5000 / (1 + np.arange(classes)))
    out = np.empty_like(array)
    tensor = torch.from_numpy(array.copy()).requires_grad_()
    targets = torch.from_numpy(labels)
    adjustment = torch.from_numpy(np.log(counts / counts.sum()).astype(np.float32))

    def adjusted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits + adjustment, targets)

    ours = topkloss.LogitAdjustedLoss(counts)
    gap = abs(float(ours(array, labels)) - adjusted(tensor, targets).item())
    if gap > 1e-5:
        sys.exit(f"the two logit-adjusted losses differ by {gap}")

    noised = topkloss.NoisedTopKLoss(5, n_samples=5)
    eager = differentiated(adjusted, tensor, targets)
    authors = differentiated(BalNoisedTopK(k=5, epsilon=1.0, n_sample=5), tensor, targets)
    return [
        Comparison(
            "logit-adjusted, arrays",
            lambda: ours.value_and_grad(array, labels, out=out),
            eager,
            bar=4,
        ),
        Comparison(
            "logit-adjusted, module",
            differentiated(topkloss.torch.LogitAdjustedLoss(counts), tensor, targets),
            eager,
            bar=4,
        ),
        Comparison(
            "noised top-5, arrays",
            lambda: noised.value_and_grad(array, labels, out=out),
            authors,
            bar=5,
        ),
        Comparison(
            "noised top-5, module",
            differentiated(topkloss.torch.NoisedTopKLoss(5, n_samples=5), tensor, targets),
            authors,
            bar=5,
        ),
    ]


def measure(comparison: Comparison, seconds: float, in_a_row: int) -> tuple[float, float, float]:
    """Median milliseconds of ours and theirs, and the median ratio of neighbours."""
    ours: list[float] = []
    theirs: list[float] = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(ours) < 10:
        theirs += [milliseconds(comparison.theirs) for _ in range(in_a_row)]
        ours += [milliseconds(comparison.ours) for _ in range(in_a_row)]
    # The first calls start threads and fill caches.
    ours, theirs = ours[3:], theirs[3:]
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return statistics.median(ours), statistics.median(theirs), ratio


def main() -> None:
    """Prints one line for each comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=256, help="rows of a batch (default: 256)")
    parser.add_argument("--classes", type=int, default=1000, help="classes (default: 1000)")
    parser.add_argument("--threads", type=int, default=2, help="threads for each (default: 2)")
    parser.add_argument("--seconds", type=float, default=3, help="time for each line (default: 3)")
    parser.add_argument(
        "--in-a-row", type=int, default=1, help="calls of one side before the other's (default: 1)"
    )
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    topkloss.set_num_threads(options.threads)
    print(
        f"{options.rows} x {options.classes} float32, {options.threads} threads each, topkloss "
        f"{topkloss.__version__} ({topkloss.simd}), PyTorch {torch.__version__}; medians, "
        f"{options.in_a_row} in a row\n"
    )
    print(f"{'':24}{'topkloss':>12}{'peer':>12}{'ratio':>9}{'bar':>7}")
    for comparison in comparisons(options.rows, options.classes):
        ours, theirs, ratio = measure(comparison, options.seconds, options.in_a_row)
        print(
            f"{comparison.name:24}{ours:9.3f} ms{theirs:9.3f} ms{ratio:8.1f}x{comparison.bar:6.0f}x"
        )


if __name__ == "__main__":
    main()

"""Expected-positive regularisation of a batch that several processes have parts of.

The penalty is lambda ((k - K) / C)^2 with k the mean of sum_j sigmoid(z_j) over all rows. A rank
knows the mean k' of its own. The library is asked for a loss of other options (K', lambda') with
which the derivative that its rows have by k' is that which they are to have by k,

    lambda' (k' - K') = lambda (k - K),

so that the gradient comes from the same pass; the two penalties differ by a known number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from topkloss.torch._global_rows import RowPieces
from topkloss.torch._ranks import Ranks, attempt

_LARGEST = 1e15
"""Of any strength: an option's bound."""


class Regularized(NamedTuple):
    """How a rank's part is evaluated.

    Attributes:
        loss: What to evaluate it with.
        added: What each row's value lacks then.
    """

    loss: Any
    added: float


def regularized(
    loss: Any, ranks: Ranks, scores: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> Regularized:
    """The loss of a rank's rows whose gradient is that of the penalty of all ranks' rows."""
    counted, failure = attempt(lambda: _counted(loss, scores, labels, sample_weight))
    positives, weight = counted or (0.0, 0.0)
    told = ranks.table([positives, weight], failure)
    total = sum(each[1] for each in told)
    if not (weight and total):
        return Regularized(loss, 0.0)
    own, every = positives / weight, sum(each[0] for each in told) / total
    wanted, strength = loss.expected_positives, loss.regularization
    excess = every - wanted
    target = own - excess
    if not target > 0:  # K' has to be
        target = own / 2 or wanted
        strength = min(strength * excess / (own / 2), _LARGEST) if own else 0.0
    classes = scores.shape[min(scores.dim() - 1, 1)]
    found = strength * ((own - target) / classes) ** 2
    added = loss.regularization * (excess / classes) ** 2 - found
    changed = loss._with(expected_positives=target, regularization=strength)
    return Regularized(changed, added)


def _counted(
    loss: Any, scores: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> tuple[float, float]:
    """The weighted sum of the rows' sums of sigmoids, and the sum of the weights."""
    rows = RowPieces([scores], labels, loss.ignore_index)
    positives, weight = 0.0, 0.0
    for (piece, counts), weights in zip(rows, rows.flat(sample_weight), strict=False):
        factors = counts.double() * weights
        sums = piece.sigmoid().sum(dim=1, dtype=torch.float64).where(counts, 0.0)
        positives += (sums * factors).sum().item()
        weight += factors.sum().item()
    return positives, weight

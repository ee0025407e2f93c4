"""Measures of how good predictions are.

The functions judge one batch. An average of their figures over batches is wrong, the more so over
classes: the accumulators `TopKAccuracy` and `SetCoverage` add up batches with `Tally.update`, and
`Tally.merge` puts together what several threads or machines have counted.

Classes come last: of maps of scores (N, C, H, W) hand in the view ``scores.movedim(1, -1)``
(PyTorch, detached) or ``np.moveaxis(scores, 1, -1)``, which is copied.
"""

from topkloss._set_coverage import (
    SetCoverage,
    average_k_accuracy,
    average_set_size,
    coverage_shortfall,
    set_coverage,
)
from topkloss._tally import Average, Tally
from topkloss._topk_accuracy import ShotAccuracy, TopKAccuracy, shot_accuracy, topk_accuracy

__all__ = [
    "Average",
    "SetCoverage",
    "ShotAccuracy",
    "Tally",
    "TopKAccuracy",
    "average_k_accuracy",
    "average_set_size",
    "coverage_shortfall",
    "set_coverage",
    "shot_accuracy",
    "topk_accuracy",
]

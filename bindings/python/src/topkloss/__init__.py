"""Losses for long-tailed and ambiguous classification, value and gradient in one call.

A loss is an object; calling it with logits and labels gives its value, and ``value_and_grad``
gives the gradient with respect to the logits besides, in place if asked:

    import numpy as np
    import topkloss

    loss = topkloss.LogitAdjustedLoss(class_counts=[900, 90, 10])
    logits = np.zeros((2, 3), np.float32)
    value, gradient = loss.value_and_grad(logits, [0, 2])

There are losses of the softmax-margin family (`CrossEntropyLoss`, `LogitAdjustedLoss`,
`VectorScalingLoss`, `LDAMLoss`, `ELMLoss`, `MarginSoftmaxLoss`) and the focal loss (`FocalLoss`);
of the top-K family (`TopKHingeLoss`, `NoisedTopKLoss`, `SmoothTopKSVMLoss`, and `noised_topk`, the
smoothed order statistic by itself); the mean squared error with outlying label
(`OutlyingMSELoss`); and, for sets of classes, `TwoHeadAverageKLoss` and `SinglePositiveLoss`.
`posthoc` adjusts scores and predicts sets, `metrics` measures, `class_weights` weights.

Arrays may come from NumPy or from anything with the buffer protocol or DLPack in the CPU's memory,
in float32, float64, float16 or bfloat16. If every row of a batch is ignored, the mean is 0 with
gradient 0, where PyTorch gives NaN. `topkloss.torch` has the same losses as PyTorch modules.
"""

from topkloss import class_weights, metrics, posthoc
from topkloss._average_k import ThresholdState, TwoHeadAverageKLoss
from topkloss._focal import FocalLoss
from topkloss._ldam import ELMLoss, LDAMLoss
from topkloss._noised_topk import NoisedTopKLoss, standard_normal
from topkloss._noised_topk_operator import noised_topk, noised_topk_vjp
from topkloss._outlying_mse import OutlyingMSELoss
from topkloss._runtime import get_num_threads, set_num_threads, simd
from topkloss._single_positive import SinglePositiveLoss
from topkloss._softmax_margin import (
    CrossEntropyLoss,
    LogitAdjustedLoss,
    MarginSoftmaxLoss,
    VectorScalingLoss,
)
from topkloss._topk import SmoothTopKSVMLoss, TopKHingeLoss
from topkloss.errors import TopKLossError

__version__ = "0.1.0"

__all__ = [
    "CrossEntropyLoss",
    "ELMLoss",
    "FocalLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "MarginSoftmaxLoss",
    "NoisedTopKLoss",
    "OutlyingMSELoss",
    "SinglePositiveLoss",
    "SmoothTopKSVMLoss",
    "ThresholdState",
    "TopKHingeLoss",
    "TopKLossError",
    "TwoHeadAverageKLoss",
    "VectorScalingLoss",
    "__version__",
    "class_weights",
    "get_num_threads",
    "metrics",
    "noised_topk",
    "noised_topk_vjp",
    "posthoc",
    "set_num_threads",
    "simd",
    "standard_normal",
]

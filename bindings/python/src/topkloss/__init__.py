"""Losses for long-tailed and ambiguous classification, value and gradient in one call.

A loss is an object; calling it with logits and labels gives its value, and ``value_and_grad``
gives the gradient with respect to the logits besides, in place if asked:

    import numpy as np
    import topkloss

    loss = topkloss.LogitAdjustedLoss(class_counts=[900, 90, 10])
    logits = np.zeros((2, 3), np.float32)
    value, gradient = loss.value_and_grad(logits, [0, 2])

There are losses of the softmax-margin family, of the top-K family (with `noised_topk`, the smoothed
order statistic by itself), the mean squared error with outlying label, and losses for sets of
classes. `linear_loss` is any of them together with the last layer, for many classes; `shards` has
some for classes over several processes. `posthoc` adjusts scores and predicts sets, `conformal`
finds thresholds that guarantee how often sets are right, `metrics` measures, `class_weights`
weights.

Arrays may come from NumPy or from anything with the buffer protocol or DLPack in the CPU's memory,
in float32, float64, float16 or bfloat16. If every row of a batch is ignored, the mean is 0 with
gradient 0, where PyTorch gives NaN. `topkloss.torch` has the same losses as PyTorch modules.
"""

# ruff: noqa: F403 - modules say what they export
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from topkloss import (
    _abi,
    _average_k,
    _noised_topk,
    _outlying_mse,
    _single_positive,
    _softmax_margin,
    _softmax_reweighted,
    _thread_limits,  # noqa: F401 - what it registers
    _topk,
    class_weights,
    conformal,
    metrics,
    posthoc,
    shards,
)
from topkloss._average_k import *
from topkloss._linear_loss import linear_loss
from topkloss._noised_topk import *
from topkloss._noised_topk_operator import noised_topk, noised_topk_vjp
from topkloss._outlying_mse import *
from topkloss._runtime import get_num_threads, set_num_threads, simd
from topkloss._single_positive import *
from topkloss._softmax_margin import *
from topkloss._softmax_reweighted import *
from topkloss._topk import *
from topkloss.errors import TopKLossError

if TYPE_CHECKING:
    from topkloss import boosting as boosting
    from topkloss import cuda as cuda
    from topkloss import jax as jax
    from topkloss import keras as keras
    from topkloss import sklearn as sklearn
    from topkloss import torch as torch

__version__ = _abi.TOPKLOSS_VERSION

__all__ = [
    "TopKLossError",
    "__version__",
    "class_weights",
    "conformal",
    "get_num_threads",
    "linear_loss",
    "metrics",
    "noised_topk",
    "noised_topk_vjp",
    "posthoc",
    "set_num_threads",
    "shards",
    "simd",
]
__all__ += _average_k.__all__
__all__ += _noised_topk.__all__
__all__ += _outlying_mse.__all__
__all__ += _single_positive.__all__
__all__ += _softmax_margin.__all__
__all__ += _softmax_reweighted.__all__
__all__ += _topk.__all__

_LATER = "boosting", "cuda", "jax", "keras", "sklearn", "torch"


if not TYPE_CHECKING:  # to whom any name would be there

    def __getattr__(name: str) -> Any:
        """The modules that are imported when they are first asked for: most need other packages.

        Raises:
            ImportError: The package that the module is for is not installed.
        """
        if name in _LATER:
            return importlib.import_module(f"topkloss.{name}")
        raise AttributeError(f"module 'topkloss' has no attribute {name!r}")


def __dir__() -> list[str]:
    # What goes through all names should not meet those that raise.
    ours = "boosting", "cuda"
    there = (name for name in _LATER if name in ours or importlib.util.find_spec(name))
    return sorted({*globals(), *there})

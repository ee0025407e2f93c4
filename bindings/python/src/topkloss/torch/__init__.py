"""The losses of topkloss as PyTorch modules, with autograd, and the layer that some of them expect.

    from topkloss.torch import LogitAdjustedLoss

    criterion = LogitAdjustedLoss(class_counts)
    criterion(model(images), labels).backward()

Every loss of `topkloss` is here under the same name and with the same arguments, and with it the
operator `noised_topk`. Each module has its loss as the attribute ``loss``.

Tensors must be in the CPU's memory. They are read where they are, in float32, float64, float16 or
bfloat16; value and gradient are computed together in the forward pass. The gradient has the dtype
of the logits: with loss scaling in float16 (pure float16, not autocast), give the loss
``logits.float()``, as small gradients would be lost before they are scaled.
"""

try:
    import torch as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.torch needs PyTorch: pip install topkloss[torch]") from error

from topkloss.torch._average_k import SinglePositiveLoss, TwoHeadAverageKLoss
from topkloss.torch._layers import NormedLinear
from topkloss.torch._noised_topk import NoisedTopKLoss
from topkloss.torch._noised_topk_operator import noised_topk
from topkloss.torch._outlying_mse import OutlyingMSELoss
from topkloss.torch._softmax_margin import (
    CrossEntropyLoss,
    ELMLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    MarginSoftmaxLoss,
    VectorScalingLoss,
)
from topkloss.torch._topk import SmoothTopKSVMLoss, TopKHingeLoss

__all__ = [
    "CrossEntropyLoss",
    "ELMLoss",
    "FocalLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "MarginSoftmaxLoss",
    "NoisedTopKLoss",
    "NormedLinear",
    "OutlyingMSELoss",
    "SinglePositiveLoss",
    "SmoothTopKSVMLoss",
    "TopKHingeLoss",
    "TwoHeadAverageKLoss",
    "VectorScalingLoss",
    "noised_topk",
]

"""The softmax-margin family, and the focal loss, as modules."""

from __future__ import annotations

import topkloss
from topkloss.torch._module import WeightedModule, arguments_of


class CrossEntropyLoss(WeightedModule):
    """`topkloss.CrossEntropyLoss` as a module: weights and smoothing as in PyTorch's."""

    loss: topkloss.CrossEntropyLoss

    @arguments_of(topkloss.CrossEntropyLoss)
    def __init__(self, loss: topkloss.CrossEntropyLoss) -> None:
        super().__init__(loss)


class LogitAdjustedLoss(WeightedModule):
    """`topkloss.LogitAdjustedLoss` as a module: cross-entropy on ``z_j + tau log pi_j``."""

    loss: topkloss.LogitAdjustedLoss

    @arguments_of(topkloss.LogitAdjustedLoss)
    def __init__(self, loss: topkloss.LogitAdjustedLoss) -> None:
        super().__init__(loss)


class VectorScalingLoss(WeightedModule):
    """`topkloss.VectorScalingLoss` as a module: logits adjusted by a factor and a term."""

    loss: topkloss.VectorScalingLoss

    @arguments_of(topkloss.VectorScalingLoss)
    def __init__(self, loss: topkloss.VectorScalingLoss) -> None:
        super().__init__(loss)


class LDAMLoss(WeightedModule):
    """`topkloss.LDAMLoss` as a module: cross-entropy with a margin for rare classes.

    It expects the outputs of a normalised last layer (cosines, in [-1, 1]) and diverges on
    unbounded logits: `NormedLinear` is such a layer.
    """

    loss: topkloss.LDAMLoss

    @arguments_of(topkloss.LDAMLoss)
    def __init__(self, loss: topkloss.LDAMLoss) -> None:
        super().__init__(loss)


class ELMLoss(WeightedModule):
    """`topkloss.ELMLoss` as a module: LDAM with the margin of the strongest rival taken in.

    Like LDAM it expects the outputs of a normalised last layer: `NormedLinear` is such a layer.
    """

    loss: topkloss.ELMLoss

    @arguments_of(topkloss.ELMLoss)
    def __init__(self, loss: topkloss.ELMLoss) -> None:
        super().__init__(loss)


class MarginSoftmaxLoss(WeightedModule):
    """`topkloss.MarginSoftmaxLoss` as a module: the family itself.

    Margins expect bounded logits, such as the outputs of `NormedLinear`.
    """

    loss: topkloss.MarginSoftmaxLoss

    @arguments_of(topkloss.MarginSoftmaxLoss)
    def __init__(self, loss: topkloss.MarginSoftmaxLoss) -> None:
        super().__init__(loss)


class FocalLoss(WeightedModule):
    """`topkloss.FocalLoss` as a module: rows that are right already count for little."""

    loss: topkloss.FocalLoss

    @arguments_of(topkloss.FocalLoss)
    def __init__(self, loss: topkloss.FocalLoss) -> None:
        super().__init__(loss)

"""The top-K losses without noise as modules."""

from __future__ import annotations

import topkloss
from topkloss.torch._module import OneHeadModule, arguments_of


class TopKHingeLoss(OneHeadModule):
    """`topkloss.TopKHingeLoss` as a module: the top-K calibrated hinge."""

    loss: topkloss.TopKHingeLoss

    @arguments_of(topkloss.TopKHingeLoss)
    def __init__(self, loss: topkloss.TopKHingeLoss) -> None:
        super().__init__(loss)


class SmoothTopKSVMLoss(OneHeadModule):
    """`topkloss.SmoothTopKSVMLoss` as a module: the top-K hinge with its maxima made smooth."""

    loss: topkloss.SmoothTopKSVMLoss

    @arguments_of(topkloss.SmoothTopKSVMLoss)
    def __init__(self, loss: topkloss.SmoothTopKSVMLoss) -> None:
        super().__init__(loss)

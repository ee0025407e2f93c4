"""Cross-entropies in which the model's own probabilities say how much counts."""

from __future__ import annotations

from typing import Any

from topkloss._curvature import of_softmax
from topkloss._loss import ClassWeights
from topkloss._records import Traits, one, record
from topkloss._softmax_margin import FromCounts

__all__ = ["FocalLoss", "SeesawLoss"]


def _no_compensation(loss: Any) -> bool:
    """Without the factor that the gradient takes for a constant."""
    return bool(loss.q == 0)


@record
class SeesawLoss(FromCounts):
    """Seesaw loss: rivals that are rarer than the label are pushed down less, probable ones more.

    With n the class counts and sigma the softmax of a row z of label y, cross-entropy on
    ``u_j = z_j + p min(0, log(n_j / n_y)) + q max(0, log(sigma_j / max(sigma_y, 0.01)))`` for all j
    but y, whose score stays. sigma is a constant in the gradient. p = q = 0 is `CrossEntropyLoss`.

    Wang et al., "Seesaw loss for long-tailed instance segmentation", CVPR 2021.

    To tune: p, over 0.4, 0.8 and 1.2; then q, over 1, 2 and 3.

    What goes wrong: too large a p, and rare classes are predicted everywhere, for nothing pushes
    them down; too small, and hardly ever. Too large a q, and the loss of hard rows grows while
    training goes on.

    Not for: soft labels (mixup, distillation), which it refuses; nor for probabilities, which the
    softmax of its scores does not estimate.

    Args:
        p: How much rarer rivals are spared (mitigation), finite and 0 or more.
        q: How much more probable rivals are pushed (compensation), finite and 0 or more.
    """

    _kind = "seesaw"
    _traits = Traits(softmax_factor=one, curvature=of_softmax, is_smooth=_no_compensation)

    p: float = 0.8
    q: float = 2.0


@record
class FocalLoss(ClassWeights):
    """Focal loss: cross-entropy in which rows that are right already count for little.

    With p the softmax of a row and w the class weights, a row of label y has the loss
    ``w_y (1 - p_y)^gamma (-log p_y)``. gamma = 0 is `CrossEntropyLoss` to the last bit.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf.

    Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017.

    To tune: gamma, over 0.5, 1, 2 and 5.

    What goes wrong: too large a gamma, and the loss is small from the start and training slow, with
    probabilities that are never sure; too small, and it is cross-entropy.

    Not for: a long tail by itself: it does not know the class counts, and is no substitute for an
    adjustment (`LogitAdjustedLoss`, or `topkloss.posthoc.logit_adjust` after training). Nor for
    probabilities, and what is made of them (thresholds, conformal sets): those of a model at its
    optimum are flatter than the classes' own. Nor for detectors' sigmoids: it is over a softmax.

    Args:
        gamma: How strongly rows that are right are discounted, finite and 0 or more.
    """

    _kind = "focal"
    _traits = Traits(
        softmax_factor=one,
        curvature="is not convex: where p_y is small its second derivatives are negative",
    )

    gamma: float = 2.0

"""The top-K losses that draw no noise: the calibrated hinge, the smooth SVM, the cross-entropy."""

from __future__ import annotations

from dataclasses import KW_ONLY

from topkloss._loss import Loss
from topkloss._records import NO_VECTOR, OptionalVector, Traits, never, record

__all__ = ["SmoothTopKSVMLoss", "TopKCrossEntropyLoss", "TopKHingeLoss"]


@record
class TopKHingeLoss(Loss):
    """Top-K calibrated hinge: no loss while the label leads the (K+1)-th largest logit by a margin.

    A row z of label y has the loss ``(margin + z_[K+1] - z_y)+``, z_[r] the r-th largest logit. The
    subgradient, where the hinge is active, is +1 at the lowest-indexed class that holds rank K+1
    and -1 at the label (they may cancel); at exactly 0 it is 0. A logit of -inf ranks last.

    Yang and Koyejo, "On the consistency of top-k surrogate losses", ICML 2020.

    To tune: margin, over 0.5, 1 and 2 in units of the logits.

    What goes wrong: too small a margin, and the loss is 0 for most rows early on; too large, and it
    never is. Two classes a row have a gradient, so that with many classes the loss stands still
    near the margin: `NoisedTopKLoss` does not.

    Not for: training a network from nothing on many classes; it is the baseline of the smooth ones.
    Nor for probabilities.

    Args:
        k: K, 1 to C - 1.
        margin: In units of a logit; finite.
    """

    _kind = "topk_hinge"
    _traits = Traits(is_smooth=never, curvature="is piecewise linear: its second derivatives are 0")

    k: int
    margin: float = 1.0


@record
class SmoothTopKSVMLoss(Loss):
    """Smooth top-K SVM: the top-K hinge with its maxima over sets of K classes made smooth.

    With ``e_j = exp(z_j / (k tau))`` and sigma_r the r-th elementary symmetric polynomial of the
    e_j of all classes but the label y, a row has the loss
    ``tau log(e_y sigma_{k-1} + exp(alpha / tau) sigma_k) - tau log(e_y sigma_{k-1})``.
    tau towards 0 tends to the hard top-K SVM.

    Stable for logits up to 1e4 in size and tau from 0.01 to 100. A logit of -inf is a class that is
    not there; a row whose own label is masked has value +inf, unless fewer than k rivals are left:
    then, whatever the label, the value is 0.

    Berrada, Zisserman and Kumar, "Smooth loss functions for deep top-k classification", ICLR 2018.

    To tune: tau, over 0.1, 0.3, 1 and 3. Published: 1 for CIFAR-100, 0.1 for Pl@ntNet-300K.

    What goes wrong: too small a tau, and it learns as slowly as the hard hinge, from few classes a
    row; too large, and all classes are pushed alike, and the order among the first K is lost.

    Not for: a long tail judged by the class average: it does not know the counts, and
    `NoisedTopKLoss` with class_counts does. Nor for probabilities.

    Args:
        k: 1 to C - 1.
        tau: The temperature, in units of a logit; finite and above 0.
        alpha: The margin, in units of a logit; finite.
    """

    _kind = "smooth_topk_svm"
    _traits = Traits(
        curvature="has second derivatives of either sign: it is a difference of convex functions"
    )

    k: int
    tau: float = 1.0
    alpha: float = 1.0


@record
class TopKCrossEntropyLoss(Loss):
    """Top-K cross-entropy: the likelihood of an answer of K classes, exactly.

    A row z of label y has the loss ``-log(sum_k P_k q_k)``: q_1 is the softmax of the label, q_k
    for k from 2 to K the probability that y is among the k largest of ``z + epsilon Z``, Z standard
    normal. By default ``P_1 = P_K = 1/2``; K = 1 is cross-entropy.

    To tune: epsilon, over 0.1, 0.2, 0.5 and 1, towards the distance of the logits around rank K.

    What goes wrong: too small an epsilon, and most rows see P_1 alone while a few have large
    gradients; too large, and the K-th class is not told from the others, and the loss stays near
    ``-log(K / C)``.

    Not for: a long tail judged by the class average: it does not know the counts. Nor for labels
    that are often wrong: the cost of one has no bound, where that of `NoisedTopKLoss` grows
    linearly.

    In float32 the error is at most 1e-5, in float64 1e-9, of value and gradient where these are of
    the order of 1 and relative where they are larger: labels far below everything get a finite loss
    and are pulled up. A logit of -inf ranks last; a row whose own label is masked has value +inf
    and gradient 0.

    Petersen, Kuehne, Borgelt and Deussen, "Differentiable top-k classification learning", ICML
    2022, have it over sorting networks.

    Args:
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and above 0.
        weights: P_1 to P_K, 0 or more, of sum 1. Default 1/2 each for 1 and K.
    """

    _kind = "topk_cross_entropy"
    _traits = Traits(
        curvature="has second derivatives of either sign: it is the logarithm of a mixture"
    )

    k: int
    epsilon: float = 1.0
    _: KW_ONLY
    weights: OptionalVector = NO_VECTOR

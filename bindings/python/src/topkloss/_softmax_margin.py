"""The softmax-margin family: cross-entropy on a transformed row."""

from __future__ import annotations

from typing import Any

from topkloss._curvature import of_softmax
from topkloss._loss import ClassCounts, ClassWeights, LabelSmoothing
from topkloss._records import NO_VECTOR, OptionalVector, Traits, one, record

__all__ = [
    "CrossEntropyLoss",
    "ELMLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "MarginSoftmaxLoss",
    "VectorScalingLoss",
]


class SoftmaxMarginLoss(ClassWeights, LabelSmoothing):
    """The base of the family."""


class FromCounts(SoftmaxMarginLoss, ClassCounts):
    """The base of those of the family that are made from counts."""


def _factors(loss: Any) -> Any:
    counts = loss.class_counts + loss.count_smoothing
    return (counts / counts.max()) ** loss.gamma


def _scale(loss: Any) -> float:
    return float(loss.scale)


def enlarges(loss: Any) -> bool:
    """With a scale, whose place is before cosines."""
    return bool(loss.scale > 1)


def _scales(loss: Any) -> Any:
    return loss.scale * (1.0 if loss.class_scale is None else loss.class_scale)


def _no_rival(loss: Any) -> bool:
    """Without a rival's margin: which class is the rival jumps."""
    return bool(loss.lam == 0)


@record
class CrossEntropyLoss(SoftmaxMarginLoss):
    """Cross-entropy, with class weights and label smoothing as in ``torch.nn.CrossEntropyLoss``.

    With p the softmax of a row, w the class weights and eta the label smoothing, a row of label y
    has the loss ``(1 - eta) w_y (-log p_y) + (eta / C) sum_j w_j (-log p_j)``.

    A logit of -inf masks its class out: probability 0, gradient 0. A row whose own label is masked
    has value +inf; so has, with label smoothing, a row with any masked class of weight above 0.

    To tune: nothing of its own; it is the baseline. On a long tail adjust its scores after training
    before you change the loss (`topkloss.posthoc.logit_adjust`, tau over 0.25, 0.5, 0.75 and 1).
    Label smoothing, over 0.05 and 0.1.

    What goes wrong: too much label smoothing, and probabilities are flat where the model is sure.
    Class weights over a range of thousands make the loss jump from batch to batch: defer them
    (`topkloss.class_weights.deferred`).

    Not for: the average over classes of a long tail, unless its scores are adjusted: rare classes
    are hardly ever predicted. Nor for labels that are often wrong, without smoothing: the cost of
    one has no bound.
    """

    _kind = "cross_entropy"
    _traits = Traits(softmax_factor=one, curvature=of_softmax, estimates_probabilities=True)


@record
class LogitAdjustedLoss(FromCounts):
    """Logit-adjusted cross-entropy: cross-entropy on ``u_j = z_j + tau log pi_j``.

    pi are the class frequencies. Training with it makes plain argmax the Bayes rule for the
    class-balanced error. tau = 1 is balanced softmax.

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; Ren et al., "Balanced
    meta-softmax for long-tailed visual recognition", NeurIPS 2020.

    To tune: tau, over 0.25, 0.5, 0.75, 1 and 1.5.

    What goes wrong: too small a tau, and rare classes are hardly ever predicted; too large, and
    frequent classes lose more than rare ones gain: the class average stands still while plain
    accuracy falls. Scores that are adjusted again after training, or rows that a sampler has
    balanced already, have the tail corrected twice.

    Not for: plain accuracy where classes are as frequent as in training, of which it gives some up;
    the softmax of its scores there is not the classes' probability. Nor for training rows that are
    fitted to the last one: the adjustment has no effect on them any more, and `VectorScalingLoss`
    has.

    Args:
        tau: Strength of the adjustment, finite.
    """

    _kind = "logit_adjusted"
    _traits = Traits(softmax_factor=one, curvature=of_softmax, estimates_probabilities=True)

    tau: float = 1.0


@record
class VectorScalingLoss(FromCounts):
    """Vector scaling: cross-entropy on ``u_j = (n_j / n_max)^gamma z_j + tau log pi_j``.

    n are the class counts, pi the class frequencies: the additive adjustment of `LogitAdjustedLoss`
    together with a multiplicative one. gamma = 0 is `LogitAdjustedLoss`.

    Kini, Paraskevas, Oymak and Thrampoulidis, "Label-imbalanced and group-sensitive classification
    under overparameterization", NeurIPS 2021 (the factor is their ``1 / Delta_j``).

    To tune: tau first, with gamma = 0, as for `LogitAdjustedLoss`; then gamma, over 0.05, 0.1, 0.2
    and 0.3.

    What goes wrong: too large a gamma, and rare classes do not learn: their logits and their
    gradients are multiplied by the small factor, and their rows' losses stay what they were at
    first; too small, and it is the logit-adjusted loss, which does nothing more once the training
    rows are fitted.

    Not for: models that do not reach zero training error: there `LogitAdjustedLoss` does, with one
    constant less. Nor for probabilities: factors bend them.

    Args:
        gamma: Strength of the multiplicative adjustment, finite and 0 or more, and small enough
            that no factor comes out below 1e-15.
        tau: Strength of the additive adjustment, finite.
    """

    _kind = "vector_scaling"
    _traits = Traits(softmax_factor=_factors, curvature=of_softmax)

    gamma: float = 0.3
    tau: float = 1.0


@record
class LDAMLoss(FromCounts):
    """LDAM, the label-distribution-aware margin loss: cross-entropy with a margin for rare classes.

    A row z of label y becomes ``u_j = scale (z_j - [j = y] b_y)``: its label's logit is lowered by
    the margin ``b_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4)``, then all are multiplied.

    It expects the outputs of a normalised last layer (cosines, in [-1, 1]) and diverges on
    unbounded logits, of which it warns once if its scale is above 1. In PyTorch,
    `topkloss.torch.NormedLinear` is such a layer.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.

    To tune: max_margin, over 0.05, 0.1, 0.2 and 0.5; then the scale, over 20, 30 and 40.

    What goes wrong: too large a margin, and rows of rare classes keep a high loss although they are
    right; too small, and it is cross-entropy. Too small a scale, and the loss cannot fall (5 leaves
    cosines of 1 and 0 a probability of 0.13 among 1000 classes); too large, and it is near 0 after
    an epoch, with rare classes learnt by heart.

    Not for: a plain last layer, whose logits have no bound: take `LogitAdjustedLoss`. Nor for the
    model that is trained already: `topkloss.posthoc.logit_adjust`.

    Args:
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
    """

    _kind = "ldam"
    _traits = Traits(softmax_factor=_scale, curvature=of_softmax, expects_cosines=enlarges)

    max_margin: float = 0.5
    scale: float = 30.0


@record
class ELMLoss(FromCounts):
    """ELM, the enlarged-margin loss: LDAM whose margin also takes in that of the strongest rival.

    A row z of label y becomes ``u_j = scale (z_j - [j = y] (b_y - lam b_r))``, where b_c are the
    margins of `LDAMLoss` and r is the class other than y with the largest logit (the lowest index
    among equals), a constant in the gradient.

    Like LDAM it expects the outputs of a normalised last layer (cosines, in [-1, 1]), and warns
    once of others. In PyTorch, `topkloss.torch.NormedLinear` is such a layer.

    Kato and Hotta, "Enlarged large margin loss for imbalanced classification", SMC 2023.

    To tune: as for `LDAMLoss`, max_margin first, over 0.1, 0.2, 0.5 and 1; then lam, over 0.5 and
    1. The margins of rare labels against rare rivals cancel, so that it bears larger ones.

    What goes wrong: too large a margin or a scale looks as with `LDAMLoss`. Too small a lam, and it
    is LDAM.

    Not for: a plain last layer, as `LDAMLoss` is not. Nor for optimisers that search along lines:
    its gradient jumps where another rival becomes the strongest.

    Args:
        max_margin: Margin of the rarest class, in units of a logit; finite and 0 or more.
        scale: Multiplies the logits, finite and above 0.
        lam: How much of the rival's margin is taken in, finite. 0 gives LDAM.
    """

    _kind = "elm"
    _traits = Traits(
        softmax_factor=_scale,
        curvature=of_softmax,
        is_smooth=_no_rival,
        expects_cosines=enlarges,
    )

    max_margin: float = 0.5
    scale: float = 30.0
    lam: float = 1.0


@record(kw_only=True)
class MarginSoftmaxLoss(SoftmaxMarginLoss):
    """Margin softmax, the family itself: cross-entropy on a row transformed as the caller likes.

    With a the offset, b the margin, d the class scale and s the scale, a row z of label y becomes
    ``u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_r))``, where r is the class other than y with
    the largest logit (the lowest index among equals), a constant in the gradient. The pairwise
    margins ``a_j - a_y + b_y`` cover logit adjustment, LDAM and what lies between.

    Margins expect bounded logits, such as cosines (in PyTorch, of `topkloss.torch.NormedLinear`).

    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.

    To tune: begin at the member of the family that it is a variant of, and multiply one vector by
    0.5, 1 and 2.

    What goes wrong: margins that grow with how rare a class is, or offsets that fall, favour rare
    classes; where they go too far, frequent classes lose more accuracy than rare ones gain. Margins
    on logits without a bound are outgrown, and do nothing in the end.

    Not for: a first attempt: the members with names make their vectors from counts, and say what
    their constants are.

    Args:
        offset: a of each of C classes, finite. Default 0.
        margin: b of each class, in units of a logit, finite. Default 0.
        class_scale: d of each class, finite and above 0. Default 1.
        scale: s, finite and above 0.
        lam: How much of the rival's margin is taken in, finite.
    """

    _kind = "margin_softmax"
    _traits = Traits(softmax_factor=_scales, curvature=of_softmax, is_smooth=_no_rival)

    offset: OptionalVector = NO_VECTOR
    margin: OptionalVector = NO_VECTOR
    class_scale: OptionalVector = NO_VECTOR
    scale: float = 1.0
    lam: float = 0.0

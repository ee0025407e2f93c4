"""Losses by name, or in whatever way a caller gives them, once the classes are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import topkloss
from topkloss._arrays import FloatVector
from topkloss._loss import Loss
from topkloss.errors import TopKLossError

LossOf: TypeAlias = Callable[[FloatVector], Loss]
"""Makes a loss from the number of training examples of each class, in the order of classes."""

BY_NAME: dict[str, Any] = {
    kind._kind: kind
    for kind in (
        topkloss.CrossEntropyLoss,
        topkloss.LogitAdjustedLoss,
        topkloss.VectorScalingLoss,
        topkloss.MarginSoftmaxLoss,
        topkloss.FocalLoss,
        topkloss.LDAMLoss,
        topkloss.ELMLoss,
        topkloss.TopKHingeLoss,
        topkloss.NoisedTopKLoss,
        topkloss.SmoothTopKSVMLoss,
        topkloss.OutlyingMSELoss,
        topkloss.SinglePositiveLoss,
    )
}
_SOFTMAX = (
    *(topkloss.CrossEntropyLoss, topkloss.LogitAdjustedLoss, topkloss.VectorScalingLoss),
    *(topkloss.MarginSoftmaxLoss, topkloss.FocalLoss, topkloss.LDAMLoss, topkloss.ELMLoss),
)
_PROBABILITIES = topkloss.CrossEntropyLoss, topkloss.LogitAdjustedLoss


def _wants_counts(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a loss is made from the counts, rather than from what the options say."""
    if "class_counts" in options:
        return False
    if name == "outlying_mse":
        return "teacher" not in options
    if name == "noised_topk":
        return "max_margin" in options
    return name in ("logit_adjusted", "vector_scaling", "ldam", "elm")


def made(
    loss: Any, options: Mapping[str, Any] | None, counts: FloatVector, seed: Callable[[], int]
) -> Loss:
    """The loss to train with: a new one, with the reduction ``"sum"``.

    Args:
        loss: A name of `BY_NAME`, a function of the counts, or a loss.
        options: Arguments of a loss that is given by name.
        counts: Training examples of each class.
        seed: Makes the seed of a noised loss that is given by name, without one.
    """
    if isinstance(loss, str):
        if loss not in BY_NAME:
            raise ValueError(f"loss is {loss!r}; it must be one of {', '.join(BY_NAME)}")
        arguments = dict(options or {})
        if _wants_counts(loss, arguments):
            arguments["class_counts"] = counts
        if loss == "noised_topk":
            arguments.setdefault("seed", seed())
        found = BY_NAME[loss](**arguments)
    else:
        if options:
            raise ValueError("loss_options are for a loss that is given by its name")
        if isinstance(loss, type) and issubclass(loss, Loss):
            raise TopKLossError(
                f"loss is the class {loss.__name__}: give its name, which is {loss._kind!r}, with "
                f"loss_options, or a loss, as in {loss.__name__}(...), or a function of the counts",
                "TOPKLOSS_ERROR_OPTION",
            )
        found = loss if isinstance(loss, Loss) else loss(counts)
        if not isinstance(found, Loss):
            raise TopKLossError(
                f"loss gave {found!r}; it must be a loss of topkloss with one head",
                "TOPKLOSS_ERROR_OPTION",
            )
    summed: Loss = type(found)(**{**found._arguments, "reduction": "sum"})
    return summed


def softmax_scale(loss: Loss) -> float | None:
    """The factor on scores in the softmax that a loss trains through; None if it has none."""
    return float(getattr(loss, "scale", 1.0)) if isinstance(loss, _SOFTMAX) else None


def gives_probabilities(loss: Any) -> bool:
    """Whether the softmax of the scores estimates probabilities: of a loss, or of one's name."""
    kind = BY_NAME.get(loss, object) if isinstance(loss, str) else type(loss)
    return issubclass(kind, _PROBABILITIES)


def is_smooth(loss: Loss) -> bool:
    """Whether the loss has a gradient that is continuous, and the same at every evaluation.

    The noised top-K loss has a kink where its hinge begins, with either estimator.
    """
    rival = isinstance(loss, topkloss.ELMLoss | topkloss.MarginSoftmaxLoss) and loss.lam != 0
    return not (rival or isinstance(loss, topkloss.TopKHingeLoss | topkloss.NoisedTopKLoss))


def for_lbfgs(loss: Loss, solver: str) -> bool:
    """Whether L-BFGS is to minimise the loss, by the caller's choice or ("auto") ours."""
    drawn = isinstance(loss, topkloss.NoisedTopKLoss) and loss.estimator == "monte_carlo"
    if solver == "lbfgs" and drawn:
        raise ValueError(
            "solver='lbfgs' needs a loss that is the same at every evaluation, and noised top-K by "
            "Monte Carlo is another one each time: use solver='adam', or the exact estimator"
        )
    return solver == "lbfgs" or (solver == "auto" and is_smooth(loss))

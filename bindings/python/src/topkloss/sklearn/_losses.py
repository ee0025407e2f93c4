"""Losses by name, or in whatever way a caller gives them, once the classes are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from topkloss._arrays import FloatVector
from topkloss._loss import Loss
from topkloss._records import LOSSES
from topkloss.errors import TopKLossError

LossOf: TypeAlias = Callable[[FloatVector], Loss]
"""Makes a loss from the number of training examples of each class, in the order of classes."""

BY_NAME = {name: kind for name, kind in LOSSES.items() if issubclass(kind, Loss)}
"""Those of one head, from the model's only scores."""


def _takes_counts(kind: type[Loss], options: Mapping[str, Any]) -> bool:
    """Whether a loss is made from the counts, rather than from what the options say."""
    rule = kind._traits.takes_counts
    if "class_counts" in options or "class_counts" not in kind._options:
        return False
    return rule is None or rule(options)


def made(
    loss: Any, options: Mapping[str, Any] | None, counts: FloatVector, seed: Callable[[], int]
) -> Loss:
    """The loss to train with: a new one, with the reduction ``"sum"``.

    Args:
        loss: The name of a loss of one head, a function of the counts, or a loss.
        options: Arguments of a loss that is given by name.
        counts: Training examples of each class.
        seed: Makes the seed of a noised loss that is given by name, without one.
    """
    if isinstance(loss, str):
        if loss not in BY_NAME:
            raise ValueError(f"loss is {loss!r}; it must be one of {', '.join(sorted(BY_NAME))}")
        kind = BY_NAME[loss]
        arguments = dict(options or {})
        if _takes_counts(kind, arguments):
            arguments["class_counts"] = counts
        if "seed" in kind._options:
            arguments.setdefault("seed", seed())
        found = kind(**arguments)
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
    return found._with(reduction="sum")


def softmax_scale(loss: Loss) -> float | None:
    """The factor on scores in the softmax that a loss trains through; None if it has none."""
    return None if loss._traits.softmax_factor is None else float(getattr(loss, "scale", 1.0))


def gives_probabilities(loss: Any) -> bool:
    """Whether the softmax of the scores estimates probabilities: of a loss, or of one's name."""
    kind = BY_NAME.get(loss) if isinstance(loss, str) else type(loss)
    return kind is not None and issubclass(kind, Loss) and kind._traits.estimates_probabilities


def for_lbfgs(loss: Loss, solver: str) -> bool:
    """Whether L-BFGS is to minimise the loss, by the caller's choice or ("auto") ours."""
    if solver == "lbfgs" and loss._traits.is_random(loss):
        raise ValueError(
            "solver='lbfgs' needs a loss that is the same at every evaluation, and noised top-K by "
            "Monte Carlo is another one each time: use solver='adam', or the exact estimator"
        )
    return solver == "lbfgs" or (solver == "auto" and loss._traits.is_smooth(loss))

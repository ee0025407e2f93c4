"""The noised top-K loss, and the noise that it draws."""

from __future__ import annotations

from dataclasses import KW_ONLY, field
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from topkloss._address import address
from topkloss._arguments import Unsigned, integer
from topkloss._arrays import Array
from topkloss._evaluation import Value
from topkloss._library import check, library
from topkloss._loss import CountSmoothing
from topkloss._records import NO_VECTOR, OptionalVector, Traits, never, record
from topkloss._softmax_margin import enlarges
from topkloss._steps import StepCounter
from topkloss.errors import TopKLossError

__all__ = ["NoisedTopKLoss", "standard_normal"]

Estimator: TypeAlias = Literal["monte_carlo", "exact"]

SomeLoss = TypeVar("SomeLoss", bound="NoisedTopKLoss")


def _rebuild(loss: type[SomeLoss], arguments: dict[str, Any], step: int) -> SomeLoss:
    rebuilt = loss(**arguments)
    rebuilt.__dict__["_steps"] = StepCounter(step)
    return rebuilt


NO_SAMPLES: Any = (
    lambda options: options["estimator"] == "exact",
    "the exact estimator draws no samples: leave it out, or use estimator='monte_carlo'",
)
"""Why a number of samples may mean nothing."""


def _draws(loss: Any) -> bool:
    return bool(loss.estimator == "monte_carlo")


def _is_imbalanced(loss: Any) -> bool:
    return loss.class_counts is not None and (loss.scale is None or enlarges(loss))


@record
class NoisedTopKLoss(CountSmoothing):
    """Noised top-K: the top-K calibrated hinge on an order statistic that noise makes smooth.

    A row z of label y has the loss ``scale (m_y + T - z_y)+``, where T is the expectation of the
    (K+1)-th largest entry of ``z + epsilon Z``, Z standard normal: a mean over samples, or exact.
    The gradient of T is the probability (the share of samples) with which a class holds rank K+1
    (the lowest index among equals). epsilon = 0 gives the plain top-K hinge. A logit of -inf ranks
    last.

    Balanced: ``m_y = margin``. With class_counts, the imbalanced loss:
    ``m_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4)``, on the cosines of a normalised last layer
    (in PyTorch `topkloss.torch.NormedLinear`), for which its defaults are meant: they are the
    authors' for Pl@ntNet-300K. On other logits use a scale of 1.

    Noise is a function of (seed, step, row) and does not depend on threads. Processes that train
    together count the same steps, and so draw the same noise for different rows: give each a seed
    of its own, ``seed=rank``, as ``DistributedSampler`` gives each rows of its own. For values that
    compare, as in validation, give every call the same ``step``, or use the exact estimator. That
    has no noise: n_samples, seed and steps mean nothing to it. In float32 its error is at most
    ``1e-5 max(epsilon, 1e-3, 0.01 |T|)`` on T and 1e-5 on each entry of its gradient, in float64
    1e-10 of the same.

    Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for
    deep imbalanced classification", ICML 2022.

    To tune: epsilon, over 0.1, 0.2, 0.5, 1 and 3 (on cosines over 0.005, 0.01, 0.05 and 0.1); then,
    with class_counts, max_margin, over 0.1, 0.2, 0.3 and 0.5, and the scale, over 30, 50 and 60.

    What goes wrong: too small an epsilon, and few classes share the gradient: the loss stands still
    as the plain hinge's does. Too large, and noise decides the ranks: the loss stays well above the
    margin, and top-1 accuracy falls far below top-K accuracy. If values are restless, take the
    exact estimator before more samples.

    Not for: the first answer: the order among the first K is not learnt, and `TopKCrossEntropyLoss`
    keeps it. Nor for probabilities, or for thresholds over rows, whose scores are not comparable.
    With class_counts, not for a plain last layer, unless the scale is 1.

    Args:
        k: K, 1 to C - 1.
        epsilon: Standard deviation of the noise, in units of a logit; finite and 0 or more.
            Default 1, or 0.01 with class_counts.
        estimator: How the expectation is taken: ``"monte_carlo"``, as in the paper, or
            ``"exact"``.
        n_samples: S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only.
        seed: Chooses the noise, 0 to 2^64 - 1. Monte Carlo only.
        margin: Margin of the balanced loss, in units of a logit; finite. Not used with
            class_counts.
        class_counts: Number of training examples of each of C classes, finite and above 0.
        max_margin: With class_counts only: margin of the rarest class, finite and 0 or more.
            Default 0.2.
        scale: Multiplies the hinge, finite and above 0. Default 1, or 60 with class_counts.
    """

    _kind = "noised_topk"
    _traits = Traits(
        is_smooth=never,  # where the hinge begins, with either estimator
        is_random=_draws,
        expects_cosines=_is_imbalanced,
        takes_counts=lambda options: "max_margin" in options,
        curvature="has second derivatives of either sign: the k-th largest score is a difference "
        "of convex functions",
    )

    _idle = {  # noqa: RUF012
        "n_samples": NO_SAMPLES,
        "margin": (
            lambda options: options["class_counts"] is not None,
            "with class_counts margins are made from these: say max_margin",
        ),
        "max_margin": (
            lambda options: options["class_counts"] is None,
            "without class_counts all margins are one: say margin",
        ),
    }

    k: int
    epsilon: float | None = None
    _: KW_ONLY
    estimator: Estimator = "monte_carlo"
    n_samples: int = 5
    seed: Unsigned = 0
    margin: float = 1.0
    class_counts: OptionalVector = NO_VECTOR
    max_margin: float | None = None
    scale: float | None = None
    _steps: StepCounter = field(init=False)

    def _make(self, arguments: dict[str, Any]) -> None:
        super()._make(arguments)
        self.__dict__["_steps"] = StepCounter()

    def __call__(
        self,
        logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        noise: Array | None = None,
        step: int | None = None,
    ) -> Value:
        """The loss of a batch.

        Args:
            logits: Scores, of shape (..., C), as for every loss.
            labels: Class indices, of shape (...), in [0, C), or ``ignore_index``.
            sample_weight: Finite numbers of 0 or more, of shape (...), that multiply the rows'
                losses. Default 1.
            noise: Noise of shape (..., S, C) to use in place of the loss's own. It is read where it
                is if it is float64 for float64 logits, float32 for all others; else it is
                converted. Monte Carlo only.
            step: Which noise to draw, 0 to 2^64 - 1. Default: the number of calls so far that were
                given neither noise nor a step. Copies and pickles go on from the same number.

        Returns:
            A float, or for the reduction ``"none"`` an array of shape (...) and the logits' dtype.
            If all rows are ignored, the mean is 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value, or C is not above K.
        """
        return self._evaluate(
            logits,
            labels,
            sample_weight,
            gradient=False,
            noise=noise,
            n_samples=self.n_samples,
            step=self._step(noise, step),
        )[0]

    def value_and_grad(
        self,
        logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        out: Any = None,
        noise: Array | None = None,
        step: int | None = None,
    ) -> tuple[Value, Any]:
        """The loss of a batch and its gradient with respect to the logits, in one pass.

        Args:
            logits: As for calling the loss.
            labels: As for calling the loss.
            sample_weight: As for calling the loss.
            out: Receives the gradient: a writable array of the shape and dtype of the logits,
                perhaps the logits themselves, which are then replaced. Default: a new NumPy array.
            noise: As for calling the loss.
            step: As for calling the loss.

        Returns:
            The value, as from calling the loss, and the gradient of the reduced value (for the
            reduction ``"none"``, of each row's own), in the shape of the logits: ``out`` if there
            is one. Rows that are ignored have gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value, or C is not above K.
                Nothing has been written.
        """
        return self._evaluate(
            logits,
            labels,
            sample_weight,
            gradient=True,
            out=out,
            noise=noise,
            n_samples=self.n_samples,
            step=self._step(noise, step),
        )

    def _step(self, noise: Any, step: int | None) -> int:
        """The caller's step, or the next; a call that brings its noise needs and counts none."""
        return 0 if noise is not None and step is None else self._steps.take(step)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made anew from the arguments, and go on from the same step."""
        return _rebuild, (type(self), self._arguments, self._steps.next)


def standard_normal(
    seed: int, step: int, first_row: int, rows: int, n_samples: int, classes: int
) -> npt.NDArray[np.float32]:
    """The standard normal noise that `NoisedTopKLoss` draws for itself when given none.

    It is counter-based (Threefry-2x32-20; Salmon et al., "Parallel random numbers: as easy as 1, 2,
    3", SC 2011): each number is a function of the first three arguments and of its place, so that a
    batch in two parts has the noise of the whole if first_row is set. The loss draws no more of it
    than matters.

    Args:
        seed: The loss's seed, 0 to 2^64 - 1.
        step: The batch's step, 0 to 2^64 - 1.
        first_row: Number of the first row, 0 or more; it is 0 in every call of a loss.
        rows: B, 0 or more.
        n_samples: S, 1 to 1,000,000.
        classes: C, 1 or more.

    Returns:
        An array of shape (B, S, C).

    Raises:
        TopKLossError: An argument is outside its range.
    """
    key = integer("seed", seed, signed=False), integer("step", step, signed=False)
    first = integer("first_row", first_row)
    shape = integer("rows", rows), integer("n_samples", n_samples), integer("classes", classes)
    if min(shape) < 0:
        raise TopKLossError(
            f"rows, n_samples and classes are {shape}; they must not be negative",
            "TOPKLOSS_ERROR_SIZE",
        )
    try:
        noise = np.empty(shape, np.float32)
    except (ValueError, MemoryError) as error:
        raise TopKLossError(
            f"rows, n_samples and classes are {shape}: {error}", "TOPKLOSS_ERROR_SIZE"
        ) from error
    check(library.topkloss_standard_normal(*key, first, *shape, address(noise)))
    return noise

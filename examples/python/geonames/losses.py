"""The ways of training that the demo compares: a row of `METHODS` each.

This is the one place where topkloss losses are chosen. To compare another, add a row. A method has
at most one constant of its own, chosen among four values by the same yardstick for all, on the
validation names: `tuning.py`, which --tune runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.special  # type: ignore[import-untyped]
import topkloss
from heads import SideBySide, heads
from numpy.typing import NDArray
from topkloss import posthoc
from training import Loss

Counts = NDArray[np.int64]
Scores = NDArray[np.float32]


def unchanged(outputs: Scores, counts: Counts, constant: float) -> Scores:
    """Predict with the scores as the model gives them."""
    return outputs


def adjusted(outputs: Scores, counts: Counts, tau: float) -> Scores:
    """Predict with scores from which the logarithm of each class's frequency is taken."""
    scores: Scores = posthoc.logit_adjust(outputs, counts, tau=tau)
    return scores


def softmax_head(outputs: Scores, counts: Counts, constant: float) -> Scores:
    """Predict with the scores of the first of two heads."""
    return heads(outputs)[0]


def multi_label_head(outputs: Scores) -> Scores:
    """Make sets with what the second of two heads takes to be each class's probability."""
    probabilities: Scores = scipy.special.expit(heads(outputs)[1])
    return probabilities


def softmax(scores: Scores, scale: float) -> Scores:
    """Each row's shares, which sum to 1."""
    shares: Scores = scipy.special.softmax(np.float32(scale) * scores, axis=1)
    return shares


@dataclass(frozen=True)
class Constant:
    """The one number of a method that is chosen on the validation names."""

    name: str
    """What the papers call it."""

    chosen: float
    tried: tuple[float, ...]


@dataclass(frozen=True)
class Method:
    """A loss, the last layer it needs, and how to read what the trained model puts out."""

    title: str
    """Its name in tables and pictures."""

    build: Callable[[Counts, float], Loss]
    """Makes the loss from the training rows a class, shape (C,), and the method's constant."""

    constant: Constant | None = None

    normalized: bool = False
    """Whether it expects cosines, from a normalised last layer."""

    heads: int = 1
    """How many heads of C classes the last layer has, side by side."""

    read: Callable[[Scores, Counts, float], Scores] = unchanged
    """Turns the model's outputs (N, heads · C) into scores (N, C) that rank a name's countries."""

    read_for_sets: Callable[[Scores], Scores] | None = None
    """Turns them into the scores that sets are made of, where that is another head's business."""

    trained_as: str | None = None
    """The method whose trained model this one uses, where it needs no training of its own."""

    softmax_scale: float | None = None
    """The factor on scores inside the softmax that it trains through; None: it uses no softmax."""

    @property
    def value(self) -> float:
        """What was chosen for its constant; 0, which nobody reads, where it has none."""
        return self.constant.chosen if self.constant else 0.0

    def with_constant(self, value: float) -> Method:
        """The same method with another value of its constant."""
        if self.constant is None:
            raise ValueError(f"{self.title} has no constant")
        return replace(self, constant=replace(self.constant, chosen=value))

    def loss(self, counts: Counts) -> Loss:
        """The loss to train with. counts: training rows a class, shape (C,)."""
        return self.build(counts, self.value)

    def scores(self, outputs: Scores, counts: Counts) -> Scores:
        """Scores (N, C) that rank a name's countries, from the model's outputs (N, heads · C)."""
        return self.read(outputs, counts, self.value)

    def set_scores(self, outputs: Scores, counts: Counts) -> Scores:
        """Scores (N, C) to make sets of an average size of, by one threshold for all names.

        They have to compare between names. Logits that went through a softmax in training do not,
        for it does not see what a whole row has in common: they go through it here, too. Scores
        that were trained without one are taken as they are.
        """
        if self.read_for_sets is not None:
            return self.read_for_sets(outputs)
        scores = self.scores(outputs, counts)
        return scores if self.softmax_scale is None else softmax(scores, self.softmax_scale)


METHODS: dict[str, Method] = {
    "cross-entropy": Method(
        "Cross-entropy",
        lambda counts, _: topkloss.CrossEntropyLoss(),
        softmax_scale=1.0,
    ),
    "post-hoc": Method(
        "Post-hoc adjusted",
        lambda counts, _: topkloss.CrossEntropyLoss(),
        Constant("tau", 0.5, tried=(0.25, 0.5, 0.75, 1.0)),
        read=adjusted,
        trained_as="cross-entropy",
        softmax_scale=1.0,
    ),
    "logit-adjusted": Method(
        "Logit-adjusted",
        lambda counts, tau: topkloss.LogitAdjustedLoss(counts, tau=tau),
        Constant("tau", 0.5, tried=(0.25, 0.5, 0.75, 1.0)),
        softmax_scale=1.0,
    ),
    "ldam": Method(
        "LDAM",
        lambda counts, margin: topkloss.LDAMLoss(counts, max_margin=margin),
        Constant("max_margin", 0.05, tried=(0.05, 0.1, 0.2, 0.5)),
        normalized=True,
        softmax_scale=30.0,
    ),
    "elm": Method(
        "ELM",
        lambda counts, margin: topkloss.ELMLoss(counts, max_margin=margin),
        Constant("max_margin", 0.2, tried=(0.05, 0.1, 0.2, 0.5)),
        normalized=True,
        softmax_scale=30.0,
    ),
    "noised-top5": Method(
        "Noised top-5, balanced",
        lambda counts, epsilon: topkloss.NoisedTopKLoss(5, epsilon=epsilon),
        Constant("epsilon", 0.3, tried=(0.1, 0.3, 1.0, 3.0)),
    ),
    "noised-top5-exact": Method(
        "Noised top-5, exact",
        lambda counts, epsilon: topkloss.NoisedTopKLoss(5, epsilon=epsilon, estimator="exact"),
        Constant("epsilon", 0.3, tried=(0.1, 0.3, 1.0, 3.0)),
    ),
    "noised-top5-imbalanced": Method(
        "Noised top-5, imbalanced",
        lambda counts, margin: topkloss.NoisedTopKLoss(
            5, epsilon=0.1, class_counts=counts, max_margin=margin, scale=30.0
        ),
        Constant("max_margin", 0.6, tried=(0.2, 0.4, 0.6, 0.8)),
        normalized=True,
    ),
    "outlying-mse": Method(
        "MSE, outlying label",
        # The outputs regress t_c p_c, so the teacher t_c says how much a class is preferred. The
        # paper's, by rank, prefers a country of middling size to the largest a hundredfold where
        # there are 215. On the validation names that costs the common ones far more than it wins
        # the rare ones.
        lambda counts, power: topkloss.OutlyingMSELoss(counts, teacher="power", power=power),
        Constant("power", 0.5, tried=(0.25, 0.5, 0.75, 1.0)),
    ),
    "two-head": Method(
        "Two-head average-5",
        lambda counts, weight: SideBySide(
            topkloss.TwoHeadAverageKLoss(5, multi_label_weight=weight)
        ),
        Constant("mu", 2.15, tried=(0.645, 2.15, 6.45, 21.5)),
        heads=2,
        read=softmax_head,
        read_for_sets=multi_label_head,
        softmax_scale=1.0,
    ),
}


def model_of(name: str) -> str:
    """The method whose model has to be trained to use the named one."""
    return METHODS[name].trained_as or name

"""Wrong options of losses: the status, and words that name the culprit."""

from __future__ import annotations

import numpy as np
import pytest
from case import CLASS_OF
from contract import WRONG
from losses import BY_KIND, BY_NAME, SCALED
from support import refuses

import topkloss

COUNTS = np.array([3.0, 2.0])

# Entries of the registry in which the option is looked at.
BASES = {
    **BY_KIND,
    ("noised_topk", "class_counts"): BY_NAME["imbalanced_noised_topk"],
    ("noised_topk", "max_margin"): BY_NAME["imbalanced_noised_topk"],
    ("noised_topk", "count_smoothing"): BY_NAME["imbalanced_noised_topk"],
    ("single_positive", "expected_positives"): BY_NAME["expected_positive"],
    ("single_positive", "regularization"): BY_NAME["expected_positive"],
}
OPTIONS = [(kind, name) for kind, base in BY_KIND.items() for name in base.parameters]


def status(kind, name, value):
    """Which status a wrong value of an option has."""
    if name in ("reduction", "estimator", "method", "class_reduction"):
        return "ENUMERATOR"
    vectors = {"class_weight", "class_counts", "offset", "class_scale", "teacher", "weights"}
    if name in vectors or (kind, name) == ("margin_softmax", "margin"):
        vector = np.asarray(value)
        if vector.dtype.kind not in "if":
            return "ENUMERATOR"
        if vector.ndim != 1 or not len(vector):
            return "SIZE"
        return "CLASS_COUNT" if name == "class_counts" else "OPTION"
    return "OPTION"


@pytest.mark.parametrize(("kind", "name"), OPTIONS)
def test_wrong_option(kind, name):
    base = BASES.get((kind, name), BASES[kind])
    for value in WRONG.get((kind, name), WRONG[name]):
        options = {**base.options(COUNTS), name: value}
        if name == "class_counts":  # which with smoothing may be 0
            options.pop("count_smoothing", None)
        words = ["class" if value == [] else name]
        if name == "class_counts" and np.ndim(value) == 1 and len(value) and value[0] == 3:
            words.append(1)  # which of the classes
        refuses(status(kind, name, value), words, CLASS_OF[kind], **options)


def test_wrong_options_together():
    refuses("OPTION", ["max_margin"], topkloss.NoisedTopKLoss, 5, max_margin=0.5)
    refuses("OPTION", ["expected_positives"], topkloss.SinglePositiveLoss, "epr")
    # (n / n_max)^gamma must come out at 1e-15 or more.
    refuses("OPTION", ["gamma"], SCALED, [1, 10_000], gamma=4.0)
    SCALED([1, 10_000], gamma=3.0)
    words = ["weights has 2 numbers", "k", 3]
    refuses("SIZE", words, topkloss.TopKCrossEntropyLoss, 3, weights=[0.5, 0.5])
    refuses("OPTION", ["weights", 0.8], topkloss.TopKCrossEntropyLoss, 2, weights=[0.5, 0.3])
    mse = topkloss.OutlyingMSELoss
    refuses("NULL_POINTER", ["class_counts"], mse)
    words = ["offset has 3 classes, margin has 2 classes"]
    refuses("SIZE", words, topkloss.MarginSoftmaxLoss, offset=[1, 2, 3], margin=[1, 2])
    refuses("SIZE", ["class_counts has 2 classes"], mse, [3, 2], teacher=[1, 2, 3])


def test_options_that_would_mean_nothing():
    """What was asked for and would not be done; the defaults are nobody's wish."""
    exact = {"estimator": "exact", "n_samples": 50}
    words = ["n_samples is 50", "'monte_carlo'"]
    refuses("OPTION", words, topkloss.NoisedTopKLoss, 2, **exact)
    for function in (topkloss.noised_topk, topkloss.noised_topk_vjp):
        refuses("OPTION", words, function, np.zeros((1, 3)), 2, **exact)
    refuses("OPTION", ["margin is 2"], topkloss.NoisedTopKLoss, 1, margin=2, class_counts=[3, 2])
    refuses("OPTION", ["max_margin is 0.3"], topkloss.NoisedTopKLoss, 1, max_margin=0.3)
    for method in ("an", "wan"):
        for name in ("expected_positives", "regularization"):
            refuses("OPTION", [name, "epr"], topkloss.SinglePositiveLoss, method, **{name: 2.0})
    mse = topkloss.OutlyingMSELoss
    refuses("OPTION", ["alpha is 2.0"], mse, alpha=2.0, teacher=[1, 2])
    refuses("OPTION", ["power is 0.3", "'power'"], mse, [2, 1], power=0.3)
    refuses("OPTION", ["power is 0.3", "'power'"], mse, teacher=[1, 2], power=0.3)
    for given in ({"estimator": "exact", "n_samples": 5, "seed": 7}, {"margin": 1.0}):
        topkloss.NoisedTopKLoss(1, **given)


def test_options_at_the_end_of_their_range():
    """What float32 holds with room to spare is accepted."""
    for kind, name in OPTIONS:
        base = BASES.get((kind, name), BASES[kind])
        if 1e16 in WRONG.get((kind, name), WRONG[name]) and name not in ("gamma", "power"):
            CLASS_OF[kind](
                **{**base.options(COUNTS), name: 1 if name == "label_smoothing" else 1e15}
            )

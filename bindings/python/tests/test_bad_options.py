"""Wrong options of losses: the status, and a message that names the option."""

from __future__ import annotations

import numpy as np
import pytest

import topkloss
from topkloss import TopKLossError

INFINITE = (np.nan, np.inf, -np.inf)
HUGE = (1e16, -1e16)
NO_NUMBER = ("a", None, 10**400, [1])
WORDS = ("all", "MEAN", None, 0, ["mean"])

COMMON = [
    *[("reduction", value) for value in WORDS],
    *[("ignore_index", value) for value in (1.5, "a", None, 2**63, -(2**63) - 1)],
    *[("check_finite", value) for value in (1, None, "yes")],
]
SMOOTHING = [("label_smoothing", value) for value in (-0.1, 1.1, *INFINITE, *NO_NUMBER)]
WEIGHTS = [
    ("class_weight", value)
    for value in ([1, -1], [1, np.nan], [np.inf, 1], [[1, 2]], ["a", "b"], 5)
]
K = [("k", value) for value in (0, -1, 2.0, "5", None, 2**63)]
VECTORS = ([1, np.nan], [1, np.inf], [1e16, 1], [[1, 2]], ["a", "b"], 5)

# A constructor with what it needs, and every wrong value of every option.
CASES = {
    "VectorScalingLoss": (
        {"class_counts": [3, 2]},
        [
            *COMMON,
            *SMOOTHING,
            *WEIGHTS,
            *[("gamma", value) for value in (-0.1, *INFINITE, *HUGE, *NO_NUMBER)],
            *[("tau", value) for value in (*INFINITE, *HUGE, *NO_NUMBER)],
            *[("count_smoothing", value) for value in (-1, *INFINITE, 1e16, *NO_NUMBER)],
        ],
    ),
    "MarginSoftmaxLoss": (
        {},
        [
            *COMMON,
            *SMOOTHING,
            *WEIGHTS,
            *[("offset", value) for value in VECTORS],
            *[("margin", value) for value in VECTORS],
            *[("class_scale", value) for value in (*VECTORS, [1, 0], [1, -1], [1e-16, 1])],
            *[("scale", value) for value in (0, -1, *INFINITE, *HUGE, *NO_NUMBER)],
            *[("lam", value) for value in (*INFINITE, *HUGE, *NO_NUMBER)],
        ],
    ),
    "FocalLoss": (
        {},
        [
            *COMMON,
            *WEIGHTS,
            *[("gamma", value) for value in (-0.1, *INFINITE, 1e16, *NO_NUMBER)],
        ],
    ),
    "TopKHingeLoss": (
        {"k": 2},
        [*COMMON, *K, *[("margin", value) for value in (*INFINITE, *HUGE, *NO_NUMBER)]],
    ),
    "SmoothTopKSVMLoss": (
        {"k": 2},
        [
            *COMMON,
            *K,
            *[("tau", value) for value in (0, -1, 1e-16, *INFINITE, 1e16, *NO_NUMBER)],
            *[("alpha", value) for value in (*INFINITE, *HUGE, *NO_NUMBER)],
        ],
    ),
    "OutlyingMSELoss": ({"class_counts": [3, 2]}, COMMON),
    "SinglePositiveLoss": ({}, COMMON),
    "TwoHeadAverageKLoss": ({"k": 2}, COMMON),
    "NoisedTopKLoss": (
        {"k": 2, "estimator": "exact"},
        [
            *COMMON,
            *K,
            *[("epsilon", value) for value in (-1, *INFINITE, 1e16, *NO_NUMBER)],
            *[("estimator", value) for value in ("Exact", None, 1)],
            *[("margin", value) for value in (*INFINITE, *HUGE, *NO_NUMBER)],
            *[("scale", value) for value in (0, -1, *INFINITE, *HUGE, *NO_NUMBER)],
        ],
    ),
}


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        pytest.param(loss, name, value, id=f"{loss}-{name}-{value!s:.20}")
        for loss, (_, wrong) in CASES.items()
        for name, value in wrong
    ],
)
def test_wrong_option(loss, name, value):
    needed, _ = CASES[loss]
    with pytest.raises(TopKLossError, match=rf"\b{name}\b") as caught:
        getattr(topkloss, loss)(**{**needed, name: value})
    assert caught.value.status in (
        "TOPKLOSS_ERROR_OPTION",
        "TOPKLOSS_ERROR_ENUMERATOR",
        "TOPKLOSS_ERROR_SIZE",
    )


def test_a_factor_that_would_vanish():
    """(n / n_max)^gamma must come out at 1e-15 or more."""
    with pytest.raises(TopKLossError, match="gamma") as caught:
        topkloss.VectorScalingLoss([1, 10_000], gamma=4.0)
    assert caught.value.status == "TOPKLOSS_ERROR_OPTION"
    topkloss.VectorScalingLoss([1, 10_000], gamma=3.0)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("MarginSoftmaxLoss", {"margin": [1, 2, 3]}),
        ("MarginSoftmaxLoss", {"class_scale": [1, 2, 3]}),
        ("FocalLoss", {"class_weight": [1, 2, 3]}),
        ("OutlyingMSELoss", {"teacher": [1, 2, 3]}),
        ("VectorScalingLoss", {"class_counts": [1, 2, 3]}),
    ],
)
def test_batches_of_another_number_of_classes(loss, options):
    made = getattr(topkloss, loss)(**options)
    with pytest.raises(TopKLossError, match=r"4.*3|3.*4") as caught:
        made(np.zeros((2, 4)), [0, 1])
    assert caught.value.status == "TOPKLOSS_ERROR_SIZE"

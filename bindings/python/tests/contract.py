"""What the Python package promises of arguments: names, order and defaults, and what is refused."""

from __future__ import annotations

import numpy as np

_COMMON = "reduction='mean', ignore_index=-100, check_finite=False"
_SOFTMAX = f"class_weight=None, label_smoothing=0.0, {_COMMON}"
_DRAWS = "estimator='exact', n_samples=5, seed=0, step=0, noise=None, check_finite=False"

# Those after * may be in any order.
CONTRACT = {
    "CrossEntropyLoss": f"*, {_SOFTMAX}",
    "LogitAdjustedLoss": f"class_counts, tau=1.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "VectorScalingLoss": f"class_counts, gamma=0.3, tau=1.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "LDAMLoss": f"class_counts, max_margin=0.5, scale=30.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "ELMLoss": (
        f"class_counts, max_margin=0.5, scale=30.0, lam=1.0, *, {_SOFTMAX}, count_smoothing=0.0"
    ),
    "MarginSoftmaxLoss": (
        f"*, offset=None, margin=None, class_scale=None, scale=1.0, lam=0.0, {_SOFTMAX}"
    ),
    "SeesawLoss": f"class_counts, p=0.8, q=2.0, *, {_SOFTMAX}, count_smoothing=0.0",
    "FocalLoss": f"gamma=2.0, *, class_weight=None, {_COMMON}",
    "TopKHingeLoss": f"k, margin=1.0, *, {_COMMON}",
    "SmoothTopKSVMLoss": f"k, tau=1.0, alpha=1.0, *, {_COMMON}",
    "TopKCrossEntropyLoss": f"k, epsilon=1.0, *, weights=None, {_COMMON}",
    "NoisedTopKLoss": (
        "k, epsilon=None, *, estimator='monte_carlo', n_samples=5, seed=0, margin=1.0, "
        f"class_counts=None, max_margin=None, scale=None, count_smoothing=0.0, {_COMMON}"
    ),
    "OutlyingMSELoss": (
        "class_counts=None, alpha=1.0, *, teacher='rank', power=0.5, "
        f"count_smoothing=0.0, {_COMMON}"
    ),
    "TwoHeadAverageKLoss": (
        "k, *, candidate_weight=1.0, multi_label_weight=1.0, class_reduction='mean', "
        f"threshold_decay=0.0, {_COMMON}"
    ),
    "SinglePositiveLoss": (
        f"method='an', *, expected_positives=None, regularization=1.0, {_COMMON}"
    ),
    "noised_topk": f"x, k, epsilon=1.0, *, {_DRAWS}",
    "noised_topk_vjp": f"x, k, epsilon=1.0, *, upstream=None, out=None, {_DRAWS}",
}

INFINITE = (np.nan, np.inf, -np.inf)
NO_NUMBER = ("a", None, 10**400, [1])
ANY = (*INFINITE, 1e16, -1e16, *NO_NUMBER)
NOT_NEGATIVE = (-0.1, *ANY)
POSITIVE = (0, -1, 1e-16, *ANY)
WEIGHTS = ([1, np.nan], [np.inf, 1], [[1, 2]], ["a", "b"], 5)
VECTOR = ([1, np.nan], [1, np.inf], [1e16, 1], [[1, 2]], ["a", "b"], 5)


def _given(values: tuple[object, ...]) -> tuple[object, ...]:
    """Without None, which is the default."""
    return tuple(value for value in values if value is not None)


# The wrong values of every option, by its name, and of some that are another thing to some losses.
WRONG = {
    "reduction": ("all", "MEAN", None, 0, ["mean"]),
    "ignore_index": (1.5, "a", None, 2**63, -(2**63) - 1),
    "check_finite": (1, None, "yes"),
    "label_smoothing": (1.1, *NOT_NEGATIVE),
    "class_weight": ([1, -1], *WEIGHTS),
    "count_smoothing": tuple(value for value in NOT_NEGATIVE if value != -1e16),
    "class_counts": ([], 5, [[1, 2]], ["a"], [1, 1j], *([3, x] for x in (0, -1, *INFINITE))),
    "k": (0, -1, 2.0, "5", None, 2**63),
    "weights": ([-1.0], [0.9], [np.nan], [np.inf], [[1.0]], ["a"], 5),
    "tau": ANY,
    "gamma": NOT_NEGATIVE,
    "p": NOT_NEGATIVE,
    "q": NOT_NEGATIVE,
    "max_margin": (-0.5, *_given(ANY)),
    "scale": (0, -1, *ANY),
    "lam": ANY,
    "offset": VECTOR,
    "class_scale": (*VECTOR, [1, 0], [1, -1], [1e-16, 1]),
    "margin": ANY,
    "alpha": ANY,
    "epsilon": NOT_NEGATIVE,
    "n_samples": (0, -5, 1_000_001, 2**40, 1.0),
    "seed": (-1, 2**64, 0.5),
    "estimator": ("Exact", None, 1),
    "teacher": (*VECTOR, "far"),
    "power": NOT_NEGATIVE,
    "method": ("AN", None, 1),
    "expected_positives": (0, *NOT_NEGATIVE),
    "regularization": NOT_NEGATIVE,
    "candidate_weight": NOT_NEGATIVE,
    "multi_label_weight": NOT_NEGATIVE,
    "class_reduction": ("none", None, 0),
    "threshold_decay": (-0.1, 1.1, *INFINITE),
    ("margin_softmax", "margin"): VECTOR,
    ("noised_topk", "epsilon"): _given(NOT_NEGATIVE),
    ("noised_topk", "scale"): (0, -1, *_given(ANY)),
    ("smooth_topk_svm", "tau"): POSITIVE,
    ("topk_cross_entropy", "epsilon"): POSITIVE,
    ("outlying_mse", "alpha"): (0, *NOT_NEGATIVE),
    ("two_head_average_k", "k"): (0, -1, *INFINITE, "1", None),
}

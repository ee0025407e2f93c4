"""The names, order and defaults of arguments that the Python package promises."""

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
    "FocalLoss": f"gamma=2.0, *, class_weight=None, {_COMMON}",
    "TopKHingeLoss": f"k, margin=1.0, *, {_COMMON}",
    "SmoothTopKSVMLoss": f"k, tau=1.0, alpha=1.0, *, {_COMMON}",
    "NoisedTopKLoss": (
        "k, epsilon=1.0, *, estimator='monte_carlo', n_samples=5, seed=0, margin=1.0, "
        f"class_counts=None, max_margin=None, scale=1.0, count_smoothing=0.0, {_COMMON}"
    ),
    "OutlyingMSELoss": (
        f"class_counts=None, alpha=1.0, *, teacher=None, count_smoothing=0.0, {_COMMON}"
    ),
    "TwoHeadAverageKLoss": (
        "k, *, candidate_weight=1.0, multi_label_weight=1.0, class_reduction='sum', "
        f"threshold_decay=0.0, {_COMMON}"
    ),
    "SinglePositiveLoss": (
        f"method='an', *, expected_positives=None, regularization=1.0, {_COMMON}"
    ),
    "noised_topk": f"x, k, epsilon=1.0, *, {_DRAWS}",
    "noised_topk_vjp": f"x, k, epsilon=1.0, *, upstream=None, out=None, {_DRAWS}",
}

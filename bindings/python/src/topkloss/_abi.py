"""The C interface in ctypes: constants, structs and prototypes, one to one with topkloss.h.

Names are the header's own, without the prefix ``topkloss_`` for types. Pointers to data (``const
double *``, ``void *``, ``float *``) are ``c_void_p``, which takes plain addresses; pointers to
structs are typed. The test suite compares all of this with the header.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any, ClassVar

TOPKLOSS_ABI_VERSION = 1
TOPKLOSS_IGNORE_INDEX = -100

# Status
TOPKLOSS_OK = 0
TOPKLOSS_ERROR_NULL_POINTER = 1
TOPKLOSS_ERROR_STRUCT_SIZE = 2
TOPKLOSS_ERROR_SIZE = 3
TOPKLOSS_ERROR_ENUMERATOR = 4
TOPKLOSS_ERROR_OPTION = 5
TOPKLOSS_ERROR_CLASS_COUNT = 6
TOPKLOSS_ERROR_LABEL = 7
TOPKLOSS_ERROR_NOT_FINITE = 8
TOPKLOSS_ERROR_ALIASING = 9
TOPKLOSS_ERROR_OUT_OF_MEMORY = 10
TOPKLOSS_ERROR_EXECUTOR = 11

# Element type of logits
TOPKLOSS_FLOAT32 = 0
TOPKLOSS_FLOAT64 = 1
TOPKLOSS_FLOAT16 = 2
TOPKLOSS_BFLOAT16 = 3

# Element type of labels
TOPKLOSS_INT64 = 0
TOPKLOSS_INT32 = 1

# Reduction
TOPKLOSS_MEAN = 0
TOPKLOSS_SUM = 1
TOPKLOSS_NONE = 2

# Estimator
TOPKLOSS_MONTE_CARLO = 0
TOPKLOSS_EXACT = 1

# Prediction rule
TOPKLOSS_ARGMAX = 0
TOPKLOSS_NEAREST_TEACHER = 1

# Class reduction
TOPKLOSS_CLASS_SUM = 0
TOPKLOSS_CLASS_MEAN = 1

# Single-positive method
TOPKLOSS_ASSUME_NEGATIVE = 0
TOPKLOSS_WEAK_ASSUME_NEGATIVE = 1
TOPKLOSS_EXPECTED_POSITIVE = 2

# Average
TOPKLOSS_MICRO = 0
TOPKLOSS_MACRO = 1

status = c_int32
dtype = c_int32
label_type = c_int32
reduction = c_int32
estimator = c_int32
prediction_rule = c_int32
class_reduction = c_int32
single_positive_method = c_int32
average = c_int32
loss_p = c_void_p

task = ctypes.CFUNCTYPE(None, c_void_p, c_int64)
parallel_for = ctypes.CFUNCTYPE(None, c_void_p, c_int64, task, c_void_p)

_Fields = list[tuple[str, Any]]


class executor(ctypes.Structure):
    """The host's own threads."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("parallel_for", parallel_for),
        ("context", c_void_p),
        ("concurrency", c_int32),
    ]


class batch(ctypes.Structure):
    """A batch of rows."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("rows", c_int64),
        ("classes", c_int64),
        ("dtype", dtype),
        ("label_type", label_type),
        ("logits", c_void_p),
        ("logits_row_stride", c_int64),
        ("labels", c_void_p),
        ("sample_weight", c_void_p),
        ("upstream", c_void_p),
        ("noise", c_void_p),
        ("noise_row_stride", c_int64),
        ("noise_sample_stride", c_int64),
        ("step", c_uint64),
        ("first_row", c_int64),
        ("executor", POINTER(executor)),
        ("multi_label_logits", c_void_p),
        ("multi_label_row_stride", c_int64),
    ]


class result(ctypes.Structure):
    """Where an evaluation goes."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("value", c_double),
        ("total_weight", c_double),
        ("row_values", c_void_p),
        ("gradient", c_void_p),
        ("gradient_row_stride", c_int64),
        ("multi_label_gradient", c_void_p),
        ("multi_label_gradient_row_stride", c_int64),
        ("threshold", c_double),
    ]


# The members that the options of every loss begin with, those of class counts, and those that the
# softmax-margin losses have besides.
_common: _Fields = [
    ("struct_size", c_size_t),
    ("reduction", reduction),
    ("check_finite", c_int32),
    ("ignore_index", c_int64),
]
_counts: _Fields = [
    ("classes", c_int64),
    ("class_counts", c_void_p),
    ("count_smoothing", c_double),
]
_weighted: _Fields = [("class_weight", c_void_p), ("label_smoothing", c_double)]


class cross_entropy_options(ctypes.Structure):
    """Cross-entropy."""

    _fields_: ClassVar[_Fields] = [*_common, ("classes", c_int64), *_weighted]


class logit_adjusted_options(ctypes.Structure):
    """Logit-adjusted cross-entropy."""

    _fields_: ClassVar[_Fields] = [*_common, *_counts, *_weighted, ("tau", c_double)]


class ldam_options(ctypes.Structure):
    """LDAM."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        *_counts,
        *_weighted,
        ("max_margin", c_double),
        ("scale", c_double),
    ]


class elm_options(ctypes.Structure):
    """ELM."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        *_counts,
        *_weighted,
        ("max_margin", c_double),
        ("scale", c_double),
        ("lam", c_double),
    ]


class vector_scaling_options(ctypes.Structure):
    """Vector scaling."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        *_counts,
        *_weighted,
        ("gamma", c_double),
        ("tau", c_double),
    ]


class margin_softmax_options(ctypes.Structure):
    """Margin softmax, the family itself."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("classes", c_int64),
        *_weighted,
        ("offset", c_void_p),
        ("margin", c_void_p),
        ("class_scale", c_void_p),
        ("scale", c_double),
        ("lam", c_double),
    ]


class focal_options(ctypes.Structure):
    """Focal loss."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("classes", c_int64),
        ("class_weight", c_void_p),
        ("gamma", c_double),
    ]


class noised_topk_options(ctypes.Structure):
    """Noised top-K."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("k", c_int64),
        ("n_samples", c_int64),
        ("seed", c_uint64),
        ("epsilon", c_double),
        ("margin", c_double),
        ("scale", c_double),
        *_counts,
        ("max_margin", c_double),
        ("estimator", estimator),
    ]


class noised_topk_operator_options(ctypes.Structure):
    """Noised top-K, the operator by itself."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("k", c_int64),
        ("n_samples", c_int64),
        ("seed", c_uint64),
        ("epsilon", c_double),
        ("estimator", estimator),
        ("check_finite", c_int32),
    ]


class topk_hinge_options(ctypes.Structure):
    """Top-K calibrated hinge."""

    _fields_: ClassVar[_Fields] = [*_common, ("k", c_int64), ("margin", c_double)]


class smooth_topk_svm_options(ctypes.Structure):
    """Smooth top-K SVM."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("k", c_int64),
        ("tau", c_double),
        ("alpha", c_double),
    ]


class outlying_mse_options(ctypes.Structure):
    """Mean squared error with outlying label."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        *_counts,
        ("alpha", c_double),
        ("teacher", c_void_p),
    ]


class two_head_average_k_options(ctypes.Structure):
    """Two-head average-K."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("k", c_double),
        ("candidate_weight", c_double),
        ("multi_label_weight", c_double),
        ("class_reduction", class_reduction),
        ("threshold_decay", c_double),
    ]


class single_positive_options(ctypes.Structure):
    """Multi-label learning from one positive label a row."""

    _fields_: ClassVar[_Fields] = [
        *_common,
        ("method", single_positive_method),
        ("expected_positives", c_double),
        ("regularization", c_double),
    ]


class threshold(ctypes.Structure):
    """A threshold on scores that keeps an exact number of pairs."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("value", c_double),
        ("ties", c_int64),
    ]


class logit_adjust_options(ctypes.Structure):
    """Post-hoc logit adjustment."""

    _fields_: ClassVar[_Fields] = [("struct_size", c_size_t), *_counts, ("tau", c_double)]


class topk_accuracy_options(ctypes.Structure):
    """Top-K accuracy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("k", c_int64),
        ("ignore_index", c_int64),
        ("average", average),
    ]


class average_k_accuracy_options(ctypes.Structure):
    """Average-K accuracy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("k", c_double),
        ("ignore_index", c_int64),
        ("average", average),
    ]


class shot_accuracy_options(ctypes.Structure):
    """Top-K accuracy by how many training examples a class had."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("k", c_int64),
        ("ignore_index", c_int64),
        ("average", average),
        ("many", c_double),
        ("few", c_double),
    ]


# Result type and argument types of every function.
Prototype = tuple[Any, list[Any]]

PROTOTYPES: dict[str, Prototype] = {
    "topkloss_status_name": (c_char_p, [status]),
    "topkloss_last_error": (c_char_p, []),
    "topkloss_version": (c_char_p, []),
    "topkloss_abi_version": (c_int32, []),
    "topkloss_simd": (c_char_p, []),
    "topkloss_set_num_threads": (status, [c_int32]),
    "topkloss_get_num_threads": (c_int32, []),
    "topkloss_evaluate": (status, [loss_p, POINTER(batch), POINTER(result)]),
    "topkloss_loss_destroy": (None, [loss_p]),
    "topkloss_standard_normal": (
        status,
        [c_uint64, c_uint64, c_int64, c_int64, c_int64, c_int64, c_void_p],
    ),
    "topkloss_outlying_mse_teacher": (status, [loss_p, c_int64, c_void_p]),
    "topkloss_outlying_mse_predict": (status, [loss_p, POINTER(batch), prediction_rule, c_void_p]),
    "topkloss_average_k_threshold": (status, [c_double, POINTER(batch), POINTER(threshold)]),
    "topkloss_predict_sets": (
        status,
        [POINTER(threshold), c_int32, POINTER(batch), c_void_p, c_void_p, c_int64],
    ),
    "topkloss_logit_adjust": (
        status,
        [POINTER(logit_adjust_options), POINTER(batch), c_void_p, c_int64],
    ),
    "topkloss_topk_accuracy": (
        status,
        [POINTER(topk_accuracy_options), POINTER(batch), POINTER(c_double)],
    ),
    "topkloss_average_k_accuracy": (
        status,
        [POINTER(average_k_accuracy_options), POINTER(batch), POINTER(c_double)],
    ),
    "topkloss_shot_accuracy": (
        status,
        [POINTER(shot_accuracy_options), POINTER(batch), c_void_p],
    ),
    "topkloss_inverse_frequency": (status, [c_int64, c_void_p, c_void_p]),
    "topkloss_effective_number": (status, [c_int64, c_void_p, c_double, c_void_p]),
}

# The struct of options of every loss, by the name of the loss.
LOSS_OPTIONS: dict[str, type[ctypes.Structure]] = {
    "cross_entropy": cross_entropy_options,
    "logit_adjusted": logit_adjusted_options,
    "ldam": ldam_options,
    "elm": elm_options,
    "vector_scaling": vector_scaling_options,
    "margin_softmax": margin_softmax_options,
    "focal": focal_options,
    "noised_topk": noised_topk_options,
    "noised_topk_operator": noised_topk_operator_options,
    "topk_hinge": topk_hinge_options,
    "smooth_topk_svm": smooth_topk_svm_options,
    "outlying_mse": outlying_mse_options,
    "two_head_average_k": two_head_average_k_options,
    "single_positive": single_positive_options,
}

# Every struct that the library can fill with its defaults, by its name.
INITIALISED: dict[str, type[ctypes.Structure]] = {
    **{f"{name}_options": options for name, options in LOSS_OPTIONS.items()},
    "batch": batch,
    "result": result,
    "threshold": threshold,
    "logit_adjust_options": logit_adjust_options,
    "topk_accuracy_options": topk_accuracy_options,
    "average_k_accuracy_options": average_k_accuracy_options,
    "shot_accuracy_options": shot_accuracy_options,
}

PROTOTYPES |= {
    f"topkloss_{name}_init": (status, [POINTER(struct), c_size_t])
    for name, struct in INITIALISED.items()
}
PROTOTYPES |= {
    f"topkloss_{name}_create": (status, [POINTER(options), POINTER(loss_p)])
    for name, options in LOSS_OPTIONS.items()
}

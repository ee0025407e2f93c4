"""The C interface in ctypes: constants, structs, defaults and prototypes of topkloss.h.

Generated from the header by ``python -m abi``: change that, not this. Names are the header's own,
without the prefix ``topkloss_`` for types. Pointers to data (``const double *``, ``void *``) are
``c_void_p``, which takes plain addresses; pointers to structs are typed.
"""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any, ClassVar

_Fields = list[tuple[str, Any]]

TOPKLOSS_VERSION = "0.2.0"
TOPKLOSS_ABI_VERSION = 1
TOPKLOSS_IGNORE_INDEX = -100

# What a call came to.
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
TOPKLOSS_ERROR_DEVICE = 12
TOPKLOSS_ERROR_UNSUPPORTED = 13

# Element type of logits, gradient and row_values.
TOPKLOSS_FLOAT32 = 0
TOPKLOSS_FLOAT64 = 1
TOPKLOSS_FLOAT16 = 2
TOPKLOSS_BFLOAT16 = 3

# Element type of labels.
TOPKLOSS_INT64 = 0
TOPKLOSS_INT32 = 1

# How row losses become one value.
TOPKLOSS_MEAN = 0
TOPKLOSS_SUM = 1
TOPKLOSS_NONE = 2

# How the expectation over the noise is taken.
TOPKLOSS_MONTE_CARLO = 0
TOPKLOSS_EXACT = 1

# How the teacher of a mean squared error with outlying label follows from the counts.
TOPKLOSS_RANK_TEACHER = 0
TOPKLOSS_POWER_TEACHER = 1

# How a trained model's scores become a class.
TOPKLOSS_ARGMAX = 0
TOPKLOSS_NEAREST_TEACHER = 1

# What class losses of a row are divided by.
TOPKLOSS_CLASS_SUM = 0
TOPKLOSS_CLASS_MEAN = 1

# How the classes that no label names are treated.
TOPKLOSS_ASSUME_NEGATIVE = 0
TOPKLOSS_WEAK_ASSUME_NEGATIVE = 1
TOPKLOSS_EXPECTED_POSITIVE = 2

# How conformal thresholds follow from the calibration rows.
TOPKLOSS_CONFORMAL_STANDARD = 0
TOPKLOSS_CONFORMAL_CLASSWISE = 1
TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED = 2
TOPKLOSS_CONFORMAL_INTERPOLATED = 3

# How accuracies of rows become one figure.
TOPKLOSS_MICRO = 0
TOPKLOSS_MACRO = 1

# Which of the weights above.
TOPKLOSS_INVERSE_FREQUENCY = 0
TOPKLOSS_EFFECTIVE_NUMBER = 1

status = c_int32
dtype = c_int32
label_type = c_int32
reduction = c_int32
estimator = c_int32
teacher_rule = c_int32
prediction_rule = c_int32
class_reduction = c_int32
single_positive_method = c_int32
conformal_method = c_int32
average = c_int32
class_weighting = c_int32
loss_p = c_void_p
task = ctypes.CFUNCTYPE(None, c_void_p, c_int64)
parallel_for = ctypes.CFUNCTYPE(None, c_void_p, c_int64, task, c_void_p)


class executor(ctypes.Structure):
    """The host's own threads, for hosts that want no threads but theirs."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("parallel_for", parallel_for),
        ("context", c_void_p),
        ("concurrency", c_int32),
        ("reserved", c_int32),
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
        ("rows_per_group", c_int64),
        ("logits_class_stride", c_int64),
        ("logits_group_stride", c_int64),
        ("multi_label_class_stride", c_int64),
        ("multi_label_group_stride", c_int64),
        ("soft_labels", c_void_p),
        ("soft_labels_row_stride", c_int64),
        ("soft_labels_class_stride", c_int64),
        ("soft_labels_group_stride", c_int64),
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
        ("gradient_class_stride", c_int64),
        ("gradient_group_stride", c_int64),
        ("multi_label_gradient_class_stride", c_int64),
        ("multi_label_gradient_group_stride", c_int64),
    ]


class cross_entropy_options(ctypes.Structure):
    """Cross-entropy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
    ]


class logit_adjusted_options(ctypes.Structure):
    """Logit-adjusted cross-entropy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("tau", c_double),
    ]


class ldam_options(ctypes.Structure):
    """LDAM, the label-distribution-aware margin loss."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("max_margin", c_double),
        ("scale", c_double),
    ]


class elm_options(ctypes.Structure):
    """ELM, the enlarged-margin loss."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("max_margin", c_double),
        ("scale", c_double),
        ("lam", c_double),
    ]


class vector_scaling_options(ctypes.Structure):
    """Vector scaling."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("gamma", c_double),
        ("tau", c_double),
    ]


class margin_softmax_options(ctypes.Structure):
    """Margin softmax."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("offset", c_void_p),
        ("margin", c_void_p),
        ("class_scale", c_void_p),
        ("scale", c_double),
        ("lam", c_double),
    ]


class seesaw_options(ctypes.Structure):
    """Seesaw loss."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("class_weight", c_void_p),
        ("label_smoothing", c_double),
        ("p", c_double),
        ("q", c_double),
    ]


class focal_options(ctypes.Structure):
    """Focal loss."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_weight", c_void_p),
        ("gamma", c_double),
    ]


class noised_topk_options(ctypes.Structure):
    """Noised top-K."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("k", c_int64),
        ("n_samples", c_int64),
        ("seed", c_uint64),
        ("epsilon", c_double),
        ("margin", c_double),
        ("scale", c_double),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("max_margin", c_double),
        ("estimator", estimator),
        ("reserved", c_int32),
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

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("k", c_int64),
        ("margin", c_double),
    ]


class smooth_topk_svm_options(ctypes.Structure):
    """Smooth top-K SVM."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("k", c_int64),
        ("tau", c_double),
        ("alpha", c_double),
    ]


class topk_cross_entropy_options(ctypes.Structure):
    """Top-K cross-entropy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("k", c_int64),
        ("epsilon", c_double),
        ("weights", c_void_p),
    ]


class outlying_mse_options(ctypes.Structure):
    """Mean squared error with outlying label."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("alpha", c_double),
        ("teacher", c_void_p),
        ("teacher_rule", teacher_rule),
        ("reserved", c_int32),
        ("power", c_double),
    ]


class two_head_average_k_options(ctypes.Structure):
    """The two-head average-K loss."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("k", c_double),
        ("candidate_weight", c_double),
        ("multi_label_weight", c_double),
        ("class_reduction", class_reduction),
        ("reserved", c_int32),
        ("threshold_decay", c_double),
    ]


class single_positive_options(ctypes.Structure):
    """Multi-label learning from one positive label a row."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("reduction", reduction),
        ("check_finite", c_int32),
        ("ignore_index", c_int64),
        ("method", single_positive_method),
        ("reserved", c_int32),
        ("expected_positives", c_double),
        ("regularization", c_double),
    ]


class threshold(ctypes.Structure):
    """A threshold on scores."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("value", c_double),
        ("ties", c_int64),
        ("classes", c_int64),
        ("class_values", c_void_p),
    ]


class conformal_options(ctypes.Structure):
    """Split conformal prediction."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("ignore_index", c_int64),
        ("method", conformal_method),
        ("reserved", c_int32),
        ("coverage", c_double),
        ("weight", c_double),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
    ]


class shard(ctypes.Structure):
    """A shard of the classes."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("all_classes", c_int64),
        ("first_class", c_int64),
        ("shards", c_int64),
        ("index", c_int64),
        ("states", c_void_p),
    ]


class logit_adjust_options(ctypes.Structure):
    """Post-hoc logit adjustment."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("tau", c_double),
        ("adjusted_class_stride", c_int64),
        ("adjusted_group_stride", c_int64),
        ("target_prior", c_void_p),
    ]


class topk_accuracy_options(ctypes.Structure):
    """Options of topkloss_topk_accuracy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("k", c_int64),
        ("ignore_index", c_int64),
        ("average", average),
        ("reserved", c_int32),
    ]


class average_k_accuracy_options(ctypes.Structure):
    """Options of topkloss_average_k_accuracy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("k", c_double),
        ("ignore_index", c_int64),
        ("average", average),
        ("reserved", c_int32),
    ]


class shot_accuracy_options(ctypes.Structure):
    """Options of topkloss_shot_accuracy."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("k", c_int64),
        ("ignore_index", c_int64),
        ("average", average),
        ("reserved", c_int32),
        ("many", c_double),
        ("few", c_double),
    ]


class class_weights_options(ctypes.Structure):
    """Options of topkloss_class_weights."""

    _fields_: ClassVar[_Fields] = [
        ("struct_size", c_size_t),
        ("classes", c_int64),
        ("class_counts", c_void_p),
        ("count_smoothing", c_double),
        ("weighting", class_weighting),
        ("reserved", c_int32),
        ("beta", c_double),
    ]


# The struct of options of every loss, by the name of the loss.
LOSS_OPTIONS: dict[str, type[ctypes.Structure]] = {
    "cross_entropy": cross_entropy_options,
    "logit_adjusted": logit_adjusted_options,
    "ldam": ldam_options,
    "elm": elm_options,
    "vector_scaling": vector_scaling_options,
    "margin_softmax": margin_softmax_options,
    "seesaw": seesaw_options,
    "focal": focal_options,
    "noised_topk": noised_topk_options,
    "noised_topk_operator": noised_topk_operator_options,
    "topk_hinge": topk_hinge_options,
    "smooth_topk_svm": smooth_topk_svm_options,
    "topk_cross_entropy": topk_cross_entropy_options,
    "outlying_mse": outlying_mse_options,
    "two_head_average_k": two_head_average_k_options,
    "single_positive": single_positive_options,
}

# Every struct, by its name: the library can fill it with its defaults.
INITIALISED: dict[str, type[ctypes.Structure]] = {
    "executor": executor,
    "batch": batch,
    "result": result,
    "cross_entropy_options": cross_entropy_options,
    "logit_adjusted_options": logit_adjusted_options,
    "ldam_options": ldam_options,
    "elm_options": elm_options,
    "vector_scaling_options": vector_scaling_options,
    "margin_softmax_options": margin_softmax_options,
    "seesaw_options": seesaw_options,
    "focal_options": focal_options,
    "noised_topk_options": noised_topk_options,
    "noised_topk_operator_options": noised_topk_operator_options,
    "topk_hinge_options": topk_hinge_options,
    "smooth_topk_svm_options": smooth_topk_svm_options,
    "topk_cross_entropy_options": topk_cross_entropy_options,
    "outlying_mse_options": outlying_mse_options,
    "two_head_average_k_options": two_head_average_k_options,
    "single_positive_options": single_positive_options,
    "threshold": threshold,
    "conformal_options": conformal_options,
    "shard": shard,
    "logit_adjust_options": logit_adjust_options,
    "topk_accuracy_options": topk_accuracy_options,
    "average_k_accuracy_options": average_k_accuracy_options,
    "shot_accuracy_options": shot_accuracy_options,
    "class_weights_options": class_weights_options,
}

# Defaults of all options that have one, by the names of the struct and of the option.
DEFAULTS: dict[str, dict[str, int | float | None]] = {
    "cross_entropy_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "classes": 0,
        "class_weight": None,
        "label_smoothing": 0.0,
    },
    "logit_adjusted_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "tau": 1.0,
    },
    "ldam_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "max_margin": 0.5,
        "scale": 30.0,
    },
    "elm_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "max_margin": 0.5,
        "scale": 30.0,
        "lam": 1.0,
    },
    "vector_scaling_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "gamma": 0.3,
        "tau": 1.0,
    },
    "margin_softmax_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "classes": 0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "offset": None,
        "margin": None,
        "class_scale": None,
        "scale": 1.0,
        "lam": 0.0,
    },
    "seesaw_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "class_weight": None,
        "label_smoothing": 0.0,
        "p": 0.8,
        "q": 2.0,
    },
    "focal_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "classes": 0,
        "class_weight": None,
        "gamma": 2.0,
    },
    "noised_topk_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "n_samples": 5,
        "seed": 0,
        "epsilon": math.nan,
        "margin": 1.0,
        "scale": math.nan,
        "classes": 0,
        "class_counts": None,
        "count_smoothing": 0.0,
        "max_margin": 0.2,
        "estimator": TOPKLOSS_MONTE_CARLO,
    },
    "noised_topk_operator_options": {
        "n_samples": 5,
        "seed": 0,
        "epsilon": 1.0,
        "estimator": TOPKLOSS_EXACT,
        "check_finite": 0,
    },
    "topk_hinge_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "margin": 1.0,
    },
    "smooth_topk_svm_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "tau": 1.0,
        "alpha": 1.0,
    },
    "topk_cross_entropy_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "epsilon": 1.0,
        "weights": None,
    },
    "outlying_mse_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "count_smoothing": 0.0,
        "alpha": 1.0,
        "teacher": None,
        "teacher_rule": TOPKLOSS_RANK_TEACHER,
        "power": 0.5,
    },
    "two_head_average_k_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "candidate_weight": 1.0,
        "multi_label_weight": 1.0,
        "class_reduction": TOPKLOSS_CLASS_MEAN,
        "threshold_decay": 0.0,
    },
    "single_positive_options": {
        "reduction": TOPKLOSS_MEAN,
        "check_finite": 0,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "method": TOPKLOSS_ASSUME_NEGATIVE,
        "regularization": 1.0,
    },
    "conformal_options": {
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "method": TOPKLOSS_CONFORMAL_STANDARD,
        "coverage": 0.9,
        "weight": 0.5,
        "classes": 0,
        "class_counts": None,
        "count_smoothing": 0.0,
    },
    "logit_adjust_options": {
        "count_smoothing": 0.0,
        "tau": 1.0,
        "adjusted_class_stride": 0,
        "adjusted_group_stride": 0,
        "target_prior": None,
    },
    "topk_accuracy_options": {
        "k": 1,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "average": TOPKLOSS_MICRO,
    },
    "average_k_accuracy_options": {
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "average": TOPKLOSS_MICRO,
    },
    "shot_accuracy_options": {
        "k": 1,
        "ignore_index": TOPKLOSS_IGNORE_INDEX,
        "average": TOPKLOSS_MICRO,
        "many": 100.0,
        "few": 20.0,
    },
    "class_weights_options": {
        "count_smoothing": 0.0,
        "weighting": TOPKLOSS_INVERSE_FREQUENCY,
        "beta": 0.9999,
    },
}

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
    "topkloss_trim": (None, []),
    "topkloss_executor_init": (status, [POINTER(executor), c_size_t]),
    "topkloss_batch_init": (status, [POINTER(batch), c_size_t]),
    "topkloss_result_init": (status, [POINTER(result), c_size_t]),
    "topkloss_evaluate": (status, [loss_p, POINTER(batch), POINTER(result)]),
    "topkloss_loss_destroy": (None, [loss_p]),
    "topkloss_cross_entropy_options_init": (status, [POINTER(cross_entropy_options), c_size_t]),
    "topkloss_cross_entropy_create": (status, [POINTER(cross_entropy_options), POINTER(loss_p)]),
    "topkloss_logit_adjusted_options_init": (status, [POINTER(logit_adjusted_options), c_size_t]),
    "topkloss_logit_adjusted_create": (status, [POINTER(logit_adjusted_options), POINTER(loss_p)]),
    "topkloss_ldam_options_init": (status, [POINTER(ldam_options), c_size_t]),
    "topkloss_ldam_create": (status, [POINTER(ldam_options), POINTER(loss_p)]),
    "topkloss_elm_options_init": (status, [POINTER(elm_options), c_size_t]),
    "topkloss_elm_create": (status, [POINTER(elm_options), POINTER(loss_p)]),
    "topkloss_vector_scaling_options_init": (status, [POINTER(vector_scaling_options), c_size_t]),
    "topkloss_vector_scaling_create": (status, [POINTER(vector_scaling_options), POINTER(loss_p)]),
    "topkloss_margin_softmax_options_init": (status, [POINTER(margin_softmax_options), c_size_t]),
    "topkloss_margin_softmax_create": (status, [POINTER(margin_softmax_options), POINTER(loss_p)]),
    "topkloss_seesaw_options_init": (status, [POINTER(seesaw_options), c_size_t]),
    "topkloss_seesaw_create": (status, [POINTER(seesaw_options), POINTER(loss_p)]),
    "topkloss_focal_options_init": (status, [POINTER(focal_options), c_size_t]),
    "topkloss_focal_create": (status, [POINTER(focal_options), POINTER(loss_p)]),
    "topkloss_noised_topk_options_init": (status, [POINTER(noised_topk_options), c_size_t]),
    "topkloss_noised_topk_create": (status, [POINTER(noised_topk_options), POINTER(loss_p)]),
    "topkloss_noised_topk_operator_options_init": (
        status,
        [POINTER(noised_topk_operator_options), c_size_t],
    ),
    "topkloss_noised_topk_operator_create": (
        status,
        [POINTER(noised_topk_operator_options), POINTER(loss_p)],
    ),
    "topkloss_topk_hinge_options_init": (status, [POINTER(topk_hinge_options), c_size_t]),
    "topkloss_topk_hinge_create": (status, [POINTER(topk_hinge_options), POINTER(loss_p)]),
    "topkloss_smooth_topk_svm_options_init": (status, [POINTER(smooth_topk_svm_options), c_size_t]),
    "topkloss_smooth_topk_svm_create": (
        status,
        [POINTER(smooth_topk_svm_options), POINTER(loss_p)],
    ),
    "topkloss_topk_cross_entropy_options_init": (
        status,
        [POINTER(topk_cross_entropy_options), c_size_t],
    ),
    "topkloss_topk_cross_entropy_create": (
        status,
        [POINTER(topk_cross_entropy_options), POINTER(loss_p)],
    ),
    "topkloss_standard_normal": (
        status,
        [c_uint64, c_uint64, c_int64, c_int64, c_int64, c_int64, c_void_p],
    ),
    "topkloss_outlying_mse_options_init": (status, [POINTER(outlying_mse_options), c_size_t]),
    "topkloss_outlying_mse_create": (status, [POINTER(outlying_mse_options), POINTER(loss_p)]),
    "topkloss_outlying_mse_teacher": (status, [loss_p, c_int64, c_void_p]),
    "topkloss_outlying_mse_predict": (status, [loss_p, POINTER(batch), prediction_rule, c_void_p]),
    "topkloss_two_head_average_k_options_init": (
        status,
        [POINTER(two_head_average_k_options), c_size_t],
    ),
    "topkloss_two_head_average_k_create": (
        status,
        [POINTER(two_head_average_k_options), POINTER(loss_p)],
    ),
    "topkloss_single_positive_options_init": (status, [POINTER(single_positive_options), c_size_t]),
    "topkloss_single_positive_create": (
        status,
        [POINTER(single_positive_options), POINTER(loss_p)],
    ),
    "topkloss_threshold_init": (status, [POINTER(threshold), c_size_t]),
    "topkloss_average_k_threshold": (status, [c_double, POINTER(batch), POINTER(threshold)]),
    "topkloss_predict_sets": (
        status,
        [POINTER(threshold), c_int32, POINTER(batch), c_void_p, c_void_p, c_int64],
    ),
    "topkloss_conformal_options_init": (status, [POINTER(conformal_options), c_size_t]),
    "topkloss_conformal_thresholds": (
        status,
        [POINTER(conformal_options), POINTER(batch), c_void_p],
    ),
    "topkloss_shard_init": (status, [POINTER(shard), c_size_t]),
    "topkloss_shard_bytes": (status, [loss_p, c_void_p]),
    "topkloss_shard_partial": (status, [loss_p, POINTER(batch), POINTER(shard), c_void_p]),
    "topkloss_shard_complete": (status, [loss_p, POINTER(batch), POINTER(shard), POINTER(result)]),
    "topkloss_logit_adjust_options_init": (status, [POINTER(logit_adjust_options), c_size_t]),
    "topkloss_logit_adjust": (
        status,
        [POINTER(logit_adjust_options), POINTER(batch), c_void_p, c_int64],
    ),
    "topkloss_topk_accuracy_options_init": (status, [POINTER(topk_accuracy_options), c_size_t]),
    "topkloss_topk_accuracy": (status, [POINTER(topk_accuracy_options), POINTER(batch), c_void_p]),
    "topkloss_average_k_accuracy_options_init": (
        status,
        [POINTER(average_k_accuracy_options), c_size_t],
    ),
    "topkloss_average_k_accuracy": (
        status,
        [POINTER(average_k_accuracy_options), POINTER(batch), c_void_p],
    ),
    "topkloss_shot_accuracy_options_init": (status, [POINTER(shot_accuracy_options), c_size_t]),
    "topkloss_shot_accuracy": (status, [POINTER(shot_accuracy_options), POINTER(batch), c_void_p]),
    "topkloss_tally_topk": (
        status,
        [POINTER(topk_accuracy_options), POINTER(batch), c_void_p, c_void_p],
    ),
    "topkloss_tally_sets": (
        status,
        [POINTER(threshold), c_int64, POINTER(batch), c_void_p, c_void_p, c_void_p],
    ),
    "topkloss_tally_average": (status, [average, c_int64, c_void_p, c_void_p, c_void_p]),
    "topkloss_tally_shots": (
        status,
        [POINTER(shot_accuracy_options), c_void_p, c_void_p, c_void_p],
    ),
    "topkloss_tally_shortfall": (status, [c_double, c_int64, c_void_p, c_void_p, c_void_p]),
    "topkloss_inverse_frequency": (status, [c_int64, c_void_p, c_void_p]),
    "topkloss_effective_number": (status, [c_int64, c_void_p, c_double, c_void_p]),
    "topkloss_class_weights_options_init": (status, [POINTER(class_weights_options), c_size_t]),
    "topkloss_class_weights": (status, [POINTER(class_weights_options), c_void_p]),
}

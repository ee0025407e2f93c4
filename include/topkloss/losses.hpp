// The losses and their options. topkloss.h has the formulas, ranges and papers.
//
// Generated from topkloss.h by `python -m abi`: change that, not this.
#ifndef TOPKLOSS_LOSSES_HPP
#define TOPKLOSS_LOSSES_HPP

#include <cstdint>
#include <limits>

#include "class_vectors.hpp"
#include "enumerators.hpp"
#include "loss.hpp"

namespace topkloss {

/// Cross-entropy.
struct CrossEntropyOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
};

namespace detail {

inline topkloss_cross_entropy_options c(const CrossEntropyOptions &options) {
  auto c = initialized(topkloss_cross_entropy_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_weight", options.class_weight}});
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  return c;
}

}  // namespace detail

/// Cross-entropy.
class CrossEntropyLoss : public Loss {
 public:
  explicit CrossEntropyLoss(const CrossEntropyOptions &options = {})
      : Loss(topkloss_cross_entropy_create, detail::c(options)) {}
};

/// Logit-adjusted cross-entropy.
struct LogitAdjustedOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Copied. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// tau, at most 1e15 in size.
  double tau = 1.0;
};

namespace detail {

inline topkloss_logit_adjusted_options c(const LogitAdjustedOptions &options) {
  auto c = initialized(topkloss_logit_adjusted_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.tau = options.tau;
  return c;
}

}  // namespace detail

/// Logit-adjusted cross-entropy.
class LogitAdjustedLoss : public Loss {
 public:
  explicit LogitAdjustedLoss(const LogitAdjustedOptions &options)
      : Loss(topkloss_logit_adjusted_create, detail::c(options)) {}
};

/// LDAM, the label-distribution-aware margin loss.
struct LDAMOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Copied. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// Margin of the rarest class, in units of a logit; 0 to 1e15.
  double max_margin = 0.5;
  /// s, 1e-15 to 1e15.
  double scale = 30.0;
};

namespace detail {

inline topkloss_ldam_options c(const LDAMOptions &options) {
  auto c = initialized(topkloss_ldam_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.max_margin = options.max_margin;
  c.scale = options.scale;
  return c;
}

}  // namespace detail

/// LDAM, the label-distribution-aware margin loss.
class LDAMLoss : public Loss {
 public:
  explicit LDAMLoss(const LDAMOptions &options)
      : Loss(topkloss_ldam_create, detail::c(options)) {}
};

/// ELM, the enlarged-margin loss.
struct ELMOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Copied. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// Margin of the rarest class, in units of a logit; 0 to 1e15.
  double max_margin = 0.5;
  /// s, 1e-15 to 1e15.
  double scale = 30.0;
  /// lambda: how much of the rival's margin is taken in; at most 1e15 in size; 0: LDAM.
  double lam = 1.0;
};

namespace detail {

inline topkloss_elm_options c(const ELMOptions &options) {
  auto c = initialized(topkloss_elm_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.max_margin = options.max_margin;
  c.scale = options.scale;
  c.lam = options.lam;
  return c;
}

}  // namespace detail

/// ELM, the enlarged-margin loss.
class ELMLoss : public Loss {
 public:
  explicit ELMLoss(const ELMOptions &options)
      : Loss(topkloss_elm_create, detail::c(options)) {}
};

/// Vector scaling.
struct VectorScalingOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Copied. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// gamma, 0 to 1e15; every d_j must come out at 1e-15 or more.
  double gamma = 0.3;
  /// tau, at most 1e15 in size.
  double tau = 1.0;
};

namespace detail {

inline topkloss_vector_scaling_options c(const VectorScalingOptions &options) {
  auto c = initialized(topkloss_vector_scaling_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.gamma = options.gamma;
  c.tau = options.tau;
  return c;
}

}  // namespace detail

/// Vector scaling.
class VectorScalingLoss : public Loss {
 public:
  explicit VectorScalingLoss(const VectorScalingOptions &options)
      : Loss(topkloss_vector_scaling_create, detail::c(options)) {}
};

/// Margin softmax.
struct MarginSoftmaxOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// a of each class, at most 1e15 in size, or empty for 0. Copied.
  Span<const double> offset = {};
  /// b of each class, at most 1e15 in size, or empty for 0. Copied.
  Span<const double> margin = {};
  /// d of each class, 1e-15 to 1e15, or empty for 1. Copied.
  Span<const double> class_scale = {};
  /// s, 1e-15 to 1e15.
  double scale = 1.0;
  /// lambda: how much of the strongest rival's b is taken in; at most 1e15 in size.
  double lam = 0.0;
};

namespace detail {

inline topkloss_margin_softmax_options c(const MarginSoftmaxOptions &options) {
  auto c = initialized(topkloss_margin_softmax_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_weight", options.class_weight}, {"offset", options.offset}, {"margin", options.margin}, {"class_scale", options.class_scale}});
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.offset = data_or_null("offset", options.offset);
  c.margin = data_or_null("margin", options.margin);
  c.class_scale = data_or_null("class_scale", options.class_scale);
  c.scale = options.scale;
  c.lam = options.lam;
  return c;
}

}  // namespace detail

/// Margin softmax.
class MarginSoftmaxLoss : public Loss {
 public:
  explicit MarginSoftmaxLoss(const MarginSoftmaxOptions &options = {})
      : Loss(topkloss_margin_softmax_create, detail::c(options)) {}
};

/// Seesaw loss.
struct SeesawOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Copied. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// eta, in [0, 1].
  double label_smoothing = 0.0;
  /// p, how much rarer rivals are spared, 0 to 1e15.
  double p = 0.8;
  /// q, how much more probable rivals are pushed, 0 to 1e15.
  double q = 2.0;
};

namespace detail {

inline topkloss_seesaw_options c(const SeesawOptions &options) {
  auto c = initialized(topkloss_seesaw_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
  c.p = options.p;
  c.q = options.q;
  return c;
}

}  // namespace detail

/// Seesaw loss.
class SeesawLoss : public Loss {
 public:
  explicit SeesawLoss(const SeesawOptions &options)
      : Loss(topkloss_seesaw_create, detail::c(options)) {}
};

/// Focal loss.
struct FocalOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Weight w of each class, finite and 0 or more, or empty for 1. Copied.
  Span<const double> class_weight = {};
  /// gamma, 0 to 1e15.
  double gamma = 2.0;
};

namespace detail {

inline topkloss_focal_options c(const FocalOptions &options) {
  auto c = initialized(topkloss_focal_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_weight", options.class_weight}});
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.gamma = options.gamma;
  return c;
}

}  // namespace detail

/// Focal loss.
class FocalLoss : public Loss {
 public:
  explicit FocalLoss(const FocalOptions &options = {})
      : Loss(topkloss_focal_create, detail::c(options)) {}
};

/// Noised top-K.
struct NoisedTopKOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only.
  std::int64_t n_samples = 5;
  /// Key of the library's own noise. Monte Carlo only.
  std::uint64_t seed = 0;
  /// Standard deviation of the noise, in units of a logit; 0 to 1e15. NaN: 1, or 0.01 with class_counts.
  double epsilon = std::numeric_limits<double>::quiet_NaN();
  /// m of the balanced loss (no class_counts), in units of a logit; at most 1e15 in size.
  double margin = 1.0;
  /// s, 1e-15 to 1e15. NaN: 1, or 60 with class_counts.
  double scale = std::numeric_limits<double>::quiet_NaN();
  /// Training examples of each class, finite and above 0 once smoothed, or empty. Copied.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// Margin of the rarest class, with class_counts only; 0 to 1e15.
  double max_margin = 0.2;
  /// How the expectation is taken.
  Estimator estimator = Estimator::monte_carlo;
};

namespace detail {

inline topkloss_noised_topk_options c(const NoisedTopKOptions &options) {
  auto c = initialized(topkloss_noised_topk_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.k = options.k;
  c.n_samples = options.n_samples;
  c.seed = options.seed;
  c.epsilon = options.epsilon;
  c.margin = options.margin;
  c.scale = options.scale;
  c.classes = classes_of({{"class_counts", options.class_counts}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.max_margin = options.max_margin;
  c.estimator = static_cast<topkloss_estimator>(options.estimator);
  return c;
}

}  // namespace detail

/// Noised top-K.
class NoisedTopKLoss : public Loss {
 public:
  explicit NoisedTopKLoss(const NoisedTopKOptions &options)
      : Loss(topkloss_noised_topk_create, detail::c(options)) {}
};

/// Noised top-K, the operator by itself.
struct NoisedTopKOperatorOptions {
  /// k, the rank, 1 to C. No default.
  std::int64_t k = 0;
  /// S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only.
  std::int64_t n_samples = 5;
  /// Key of the library's own noise. Monte Carlo only.
  std::uint64_t seed = 0;
  /// Standard deviation of the noise, in units of a score; 0 to 1e15.
  double epsilon = 1.0;
  /// How the expectation is taken.
  Estimator estimator = Estimator::exact;
  /// Not 0: a NaN or +inf in any row is an error that names the first.
  bool check_finite = false;
};

namespace detail {

inline topkloss_noised_topk_operator_options c(const NoisedTopKOperatorOptions &options) {
  auto c = initialized(topkloss_noised_topk_operator_options_init);
  c.k = options.k;
  c.n_samples = options.n_samples;
  c.seed = options.seed;
  c.epsilon = options.epsilon;
  c.estimator = static_cast<topkloss_estimator>(options.estimator);
  c.check_finite = options.check_finite ? 1 : 0;
  return c;
}

}  // namespace detail

/// Noised top-K, the operator by itself.
class NoisedTopKOperator : public Loss {
 public:
  explicit NoisedTopKOperator(const NoisedTopKOperatorOptions &options)
      : Loss(topkloss_noised_topk_operator_create, detail::c(options), Upstream::each_row) {}
};

/// Top-K calibrated hinge.
struct TopKHingeOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// m, in units of a logit; at most 1e15 in size.
  double margin = 1.0;
};

namespace detail {

inline topkloss_topk_hinge_options c(const TopKHingeOptions &options) {
  auto c = initialized(topkloss_topk_hinge_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.k = options.k;
  c.margin = options.margin;
  return c;
}

}  // namespace detail

/// Top-K calibrated hinge.
class TopKHingeLoss : public Loss {
 public:
  explicit TopKHingeLoss(const TopKHingeOptions &options)
      : Loss(topkloss_topk_hinge_create, detail::c(options)) {}
};

/// Smooth top-K SVM.
struct SmoothTopKSVMOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// k, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// tau, the temperature, in units of a logit; 1e-15 to 1e15.
  double tau = 1.0;
  /// alpha, the margin, in units of a logit; at most 1e15 in size.
  double alpha = 1.0;
};

namespace detail {

inline topkloss_smooth_topk_svm_options c(const SmoothTopKSVMOptions &options) {
  auto c = initialized(topkloss_smooth_topk_svm_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.k = options.k;
  c.tau = options.tau;
  c.alpha = options.alpha;
  return c;
}

}  // namespace detail

/// Smooth top-K SVM.
class SmoothTopKSVMLoss : public Loss {
 public:
  explicit SmoothTopKSVMLoss(const SmoothTopKSVMOptions &options)
      : Loss(topkloss_smooth_topk_svm_create, detail::c(options)) {}
};

/// Top-K cross-entropy.
struct TopKCrossEntropyOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, 1 to C - 1, at most 1,000,000. No default.
  std::int64_t k = 0;
  /// epsilon, the standard deviation of the noise, in units of a logit; 1e-15 to 1e15.
  double epsilon = 1.0;
  /// P_1 to P_K, 0 or more, of sum 1, or empty for 1/2 each at the first and the last. Copied.
  Span<const double> weights = {};
};

namespace detail {

inline topkloss_topk_cross_entropy_options c(const TopKCrossEntropyOptions &options) {
  auto c = initialized(topkloss_topk_cross_entropy_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.k = options.k;
  c.epsilon = options.epsilon;
  c.weights = entries_or_null("weights", options.weights, options.k);
  return c;
}

}  // namespace detail

/// Top-K cross-entropy.
class TopKCrossEntropyLoss : public Loss {
 public:
  explicit TopKCrossEntropyLoss(const TopKCrossEntropyOptions &options)
      : Loss(topkloss_topk_cross_entropy_create, detail::c(options)) {}
};

/// Mean squared error with outlying label.
struct OutlyingMSEOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class, finite and above 0 once smoothed. Not looked at, and may be empty, with a
  /// teacher. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// alpha, 1e-15 to 1e15.
  double alpha = 1.0;
  /// t of each class, at most 1e15 in size, or empty for that of teacher_rule. Copied.
  Span<const double> teacher = {};
  /// How the teacher follows from the counts.
  TeacherRule teacher_rule = TeacherRule::rank_teacher;
  /// Exponent of TOPKLOSS_POWER_TEACHER, 0 to 1e15, with no t above 1e15.
  double power = 0.5;
};

namespace detail {

inline topkloss_outlying_mse_options c(const OutlyingMSEOptions &options) {
  auto c = initialized(topkloss_outlying_mse_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.classes = classes_of({{"class_counts", options.class_counts}, {"teacher", options.teacher}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.alpha = options.alpha;
  c.teacher = data_or_null("teacher", options.teacher);
  c.teacher_rule = static_cast<topkloss_teacher_rule>(options.teacher_rule);
  c.power = options.power;
  return c;
}

}  // namespace detail

/// The two-head average-K loss.
struct TwoHeadAverageKOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, above 0 and below C. No default.
  double k = 0.0;
  /// omega of candidates other than the label, 0 to 1e15.
  double candidate_weight = 1.0;
  /// mu, 0 to 1e15.
  double multi_label_weight = 1.0;
  /// Whether the multi-label term is a sum, whose weight grows with C, or a mean over classes.
  ClassReduction class_reduction = ClassReduction::mean;
  /// Share of the batches before in the threshold, in [0, 1]; 0: each batch has its own; 1: the one before stays, for
  /// whoever knows it.
  double threshold_decay = 0.0;
};

namespace detail {

inline topkloss_two_head_average_k_options c(const TwoHeadAverageKOptions &options) {
  auto c = initialized(topkloss_two_head_average_k_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.k = options.k;
  c.candidate_weight = options.candidate_weight;
  c.multi_label_weight = options.multi_label_weight;
  c.class_reduction = static_cast<topkloss_class_reduction>(options.class_reduction);
  c.threshold_decay = options.threshold_decay;
  return c;
}

}  // namespace detail

/// The two-head average-K loss.
class TwoHeadAverageKLoss : public Loss {
 public:
  explicit TwoHeadAverageKLoss(const TwoHeadAverageKOptions &options)
      : Loss(topkloss_two_head_average_k_create, detail::c(options)) {}
};

/// Multi-label learning from one positive label a row.
struct SinglePositiveOptions {
  /// How row losses become one value.
  Reduction reduction = Reduction::mean;
  /// Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Which loss.
  SinglePositiveMethod method = SinglePositiveMethod::assume_negative;
  /// K, the expected number of positives a row, above 0 and at most 1e15. Expected positive only. No default.
  double expected_positives = 0.0;
  /// lambda, 0 to 1e15. Expected positive only.
  double regularization = 1.0;
};

namespace detail {

inline topkloss_single_positive_options c(const SinglePositiveOptions &options) {
  auto c = initialized(topkloss_single_positive_options_init);
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
  c.method = static_cast<topkloss_single_positive_method>(options.method);
  c.expected_positives = options.expected_positives;
  c.regularization = options.regularization;
  return c;
}

}  // namespace detail

/// Multi-label learning from one positive label a row.
class SinglePositiveLoss : public Loss {
 public:
  explicit SinglePositiveLoss(const SinglePositiveOptions &options = {})
      : Loss(topkloss_single_positive_create, detail::c(options)) {}
};

}  // namespace topkloss

#endif  // TOPKLOSS_LOSSES_HPP

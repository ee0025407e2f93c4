// Options of what stands around the losses.
//
// Generated from topkloss.h by `python -m abi`: change that, not this.
#ifndef TOPKLOSS_OPTIONS_HPP
#define TOPKLOSS_OPTIONS_HPP

#include <cstdint>
#include <limits>

#include "class_vectors.hpp"
#include "enumerators.hpp"
#include "loss.hpp"

namespace topkloss {

/// Split conformal prediction.
struct ConformalOptions {
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Which thresholds.
  ConformalMethod method = ConformalMethod::standard;
  /// kappa, above 0 and at most 1.
  double coverage = 0.9;
  /// Share of the classwise thresholds in interpolated ones, in [0, 1].
  double weight = 0.5;
  /// Prevalence adjusted only: training examples of each class, finite and above 0 once smoothed.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
};

namespace detail {

inline topkloss_conformal_options c(const ConformalOptions &options) {
  auto c = initialized(topkloss_conformal_options_init);
  c.ignore_index = options.ignore_index;
  c.method = static_cast<topkloss_conformal_method>(options.method);
  c.coverage = options.coverage;
  c.weight = options.weight;
  c.classes = classes_of({{"class_counts", options.class_counts}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  return c;
}

}  // namespace detail

/// Post-hoc logit adjustment.
struct LogitAdjustOptions {
  /// Training examples of each class, finite and above 0 once smoothed. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15.
  double count_smoothing = 0.0;
  /// tau, at most 1e15 in size.
  double tau = 1.0;
  /// Elements from one class of adjusted to the next; 0: 1.
  std::int64_t adjusted_class_stride = 0;
  /// Elements from one group of adjusted to the next; 0: the batch's rows_per_group * C.
  std::int64_t adjusted_group_stride = 0;
  /// pi' of each class but for a common factor: finite, 0 (the class's scores become -inf) or more, with a sum above 0;
  /// or empty, and log pi' is left out.
  Span<const double> target_prior = {};
};

namespace detail {

inline topkloss_logit_adjust_options c(const LogitAdjustOptions &options) {
  auto c = initialized(topkloss_logit_adjust_options_init);
  c.classes = classes_of({{"class_counts", options.class_counts}, {"target_prior", options.target_prior}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.tau = options.tau;
  c.adjusted_class_stride = options.adjusted_class_stride;
  c.adjusted_group_stride = options.adjusted_group_stride;
  c.target_prior = data_or_null("target_prior", options.target_prior);
  return c;
}

}  // namespace detail

/// Options of topkloss_topk_accuracy.
struct TopKAccuracyOptions {
  /// K, 1 or more; from C up every label is in the top K.
  std::int64_t k = 1;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Over rows or over classes.
  Average average = Average::micro;
};

namespace detail {

inline topkloss_topk_accuracy_options c(const TopKAccuracyOptions &options) {
  auto c = initialized(topkloss_topk_accuracy_options_init);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  return c;
}

}  // namespace detail

/// Options of topkloss_average_k_accuracy.
struct AverageKAccuracyOptions {
  /// K, above 0 and below C. No default.
  double k = 0.0;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Over rows or over classes.
  Average average = Average::micro;
};

namespace detail {

inline topkloss_average_k_accuracy_options c(const AverageKAccuracyOptions &options) {
  auto c = initialized(topkloss_average_k_accuracy_options_init);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  return c;
}

}  // namespace detail

/// Options of topkloss_shot_accuracy.
struct ShotAccuracyOptions {
  /// Training examples of each class, finite and 0 or more. No default.
  Span<const double> class_counts = {};
  /// K, 1 or more; from C up every label is in the top K.
  std::int64_t k = 1;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Over rows or over classes, within each group.
  Average average = Average::micro;
  /// Classes with more training examples are many-shot; finite, `few` or more.
  double many = 100.0;
  /// Classes with fewer training examples are few-shot; finite, 0 or more.
  double few = 20.0;
};

namespace detail {

inline topkloss_shot_accuracy_options c(const ShotAccuracyOptions &options) {
  auto c = initialized(topkloss_shot_accuracy_options_init);
  c.classes = classes_of({{"class_counts", options.class_counts}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  c.many = options.many;
  c.few = options.few;
  return c;
}

}  // namespace detail

/// Options of topkloss_class_weights.
struct ClassWeightsOptions {
  /// Training examples of each class, finite and above 0 once smoothed. No default.
  Span<const double> class_counts = {};
  /// Added to every count, 0 to 1e15, for classes without examples.
  double count_smoothing = 0.0;
  /// Which weights.
  ClassWeighting weighting = ClassWeighting::inverse_frequency;
  /// beta, in [0, 1). Effective number only.
  double beta = 0.9999;
};

namespace detail {

inline topkloss_class_weights_options c(const ClassWeightsOptions &options) {
  auto c = initialized(topkloss_class_weights_options_init);
  c.classes = classes_of({{"class_counts", options.class_counts}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.weighting = static_cast<topkloss_class_weighting>(options.weighting);
  c.beta = options.beta;
  return c;
}

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_OPTIONS_HPP

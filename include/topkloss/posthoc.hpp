// After training: adjusted scores, sets of classes with K of them on average, or that contain the label so often.
#ifndef TOPKLOSS_POSTHOC_HPP
#define TOPKLOSS_POSTHOC_HPP

#include <cstdint>
#include <vector>

#include "options.hpp"

namespace topkloss {

/// Writes z_j - tau log pi_j, and log pi'_j more with a target prior, for every row of scores; adjusted may be the scores themselves.
inline void logit_adjust(const ConstMatrix &scores, const LogitAdjustOptions &options, const Matrix &adjusted,
                         const Executor *executor = nullptr) {
  detail::check_like("adjusted", adjusted, scores);
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores);
  batch.executor = call.c();
  auto c = detail::c(options);
  c.adjusted_class_stride = adjusted.strides().classes;
  c.adjusted_group_stride = adjusted.strides().group;
  call.check(topkloss_logit_adjust(&c, &batch, adjusted.data(), adjusted.strides().row));
}

/// Keeps the scores above value, and of those that equal it the first `ties`, row by row and then by class; or the scores
/// at or above their class's.
struct Threshold {
  double value = 0.0;
  /// Negative: all.
  std::int64_t ties = -1;
  /// One for each class, in the place of value and ties; empty: there are none.
  Span<const double> class_values = {};
};

namespace detail {

inline topkloss_threshold c(const Threshold &threshold) {
  auto c = initialized(topkloss_threshold_init);
  c.value = threshold.value;
  c.ties = threshold.ties;
  c.classes = static_cast<std::int64_t>(threshold.class_values.size());
  c.class_values = data_or_null("class_values", threshold.class_values);
  return c;
}

}  // namespace detail

/// The threshold with which the average size of a row's set is k over these rows, exactly. k: above 0 and below C.
inline Threshold average_k_threshold(double k, const ConstMatrix &scores, const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores);
  batch.executor = call.c();
  auto c = detail::initialized(topkloss_threshold_init);
  call.check(topkloss_average_k_threshold(k, &batch, &c));
  return {c.value, c.ties, {}};
}

/// Writes the conformal thresholds of the classes, to be class_values of a Threshold. scores: probabilities of rows that
/// were not trained on.
inline void conformal_thresholds(const ConstMatrix &scores, const Labels &labels, const ConformalOptions &options,
                                 Span<double> thresholds) {
  const topkloss_batch batch = detail::scores(scores, labels);
  detail::check_size("thresholds", static_cast<std::int64_t>(thresholds.size()), "classes", scores.classes());
  const auto c = detail::c(options);
  detail::check(topkloss_conformal_thresholds(&c, &batch, thresholds.data()));
}

/// The conformal thresholds of the classes.
inline std::vector<double> conformal_thresholds(const ConstMatrix &scores, const Labels &labels,
                                                const ConformalOptions &options = {}) {
  std::vector<double> thresholds(scores.classes() < 0 ? 0 : static_cast<std::size_t>(scores.classes()));
  conformal_thresholds(scores, labels, options, thresholds);
  return thresholds;
}

/// What a row with an empty set gets.
enum class EmptySets {
  /// Nothing.
  stay,
  /// Its best class, unless all its scores are NaN.
  get_best
};

/// Sets of classes as compressed sparse rows: those of row i, in increasing order, are indices[indptr[i]] up to
/// indices[indptr[i + 1] - 1].
struct Sets {
  std::vector<std::int64_t> indptr;
  std::vector<std::int64_t> indices;
};

/// The sets that a threshold keeps, in buffers of the caller's: indptr of B + 1 numbers, and indices, which must have
/// room for indptr[B] classes. With empty indices, only indptr is written. Returns indptr[B].
inline std::int64_t predict_sets(const Threshold &threshold, const ConstMatrix &scores, Span<std::int64_t> indptr,
                                 Span<std::int64_t> indices, EmptySets empty_sets = EmptySets::stay,
                                 const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores);
  batch.executor = call.c();
  detail::check_size("indptr", static_cast<std::int64_t>(indptr.size()), "rows and one more", scores.rows() + 1);
  const auto c = detail::c(threshold);
  call.check(topkloss_predict_sets(&c, empty_sets == EmptySets::get_best ? 1 : 0, &batch, indptr.data(),
                                   detail::data_or_null("indices", indices),
                                   static_cast<std::int64_t>(indices.size())));
  return indptr[indptr.size() - 1];
}

/// The sets that a threshold keeps.
inline Sets predict_sets(const Threshold &threshold, const ConstMatrix &scores,
                         EmptySets empty_sets = EmptySets::stay, const Executor *executor = nullptr) {
  Sets sets;
  sets.indptr.resize(scores.rows() < 0 ? 1 : static_cast<std::size_t>(scores.rows()) + 1);
  sets.indices.resize(static_cast<std::size_t>(predict_sets(threshold, scores, sets.indptr, {}, empty_sets, executor)));
  if (!sets.indices.empty()) predict_sets(threshold, scores, sets.indptr, sets.indices, empty_sets, executor);
  return sets;
}

}  // namespace topkloss

#endif  // TOPKLOSS_POSTHOC_HPP

// Accuracies.
#ifndef TOPKLOSS_METRICS_HPP
#define TOPKLOSS_METRICS_HPP

#include <cstdint>

#include "loss.hpp"

namespace topkloss {

/// How accuracies of rows become one figure.
enum class Average : topkloss_average {
  /// Mean over rows.
  micro = TOPKLOSS_MICRO,
  /// Mean over classes of each class's mean over its rows; classes without rows are left out.
  macro = TOPKLOSS_MACRO
};

struct TopKAccuracyOptions {
  /// K, 1 or more.
  std::int64_t k = 1;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  Average average = Average::micro;
};

/// The share of rows whose label is among the K highest scores; 0 if no row counts.
inline double topk_accuracy(const ConstMatrix &scores, const Labels &labels, const TopKAccuracyOptions &options = {}) {
  const topkloss_batch batch = detail::scores(scores, labels);
  auto c = detail::initialized(topkloss_topk_accuracy_options_init);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  double accuracy = 0.0;
  detail::check(topkloss_topk_accuracy(&c, &batch, &accuracy));
  return accuracy;
}

struct AverageKAccuracyOptions {
  /// K, above 0 and below C. No default.
  double k = 0.0;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  Average average = Average::micro;
};

/// The share of rows whose label is in the row's set, where the sets have K classes on average; 0 if no row counts.
inline double average_k_accuracy(const ConstMatrix &scores, const Labels &labels,
                                 const AverageKAccuracyOptions &options, const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores, labels);
  batch.executor = call.c();
  auto c = detail::initialized(topkloss_average_k_accuracy_options_init);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  double accuracy = 0.0;
  call.check(topkloss_average_k_accuracy(&c, &batch, &accuracy));
  return accuracy;
}

struct ShotAccuracyOptions {
  /// Training examples of each class. No default.
  Span<const double> class_counts = {};
  /// K, 1 or more.
  std::int64_t k = 1;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  Average average = Average::micro;
  /// Classes with more training examples are many-shot.
  double many = 100.0;
  /// Classes with fewer training examples are few-shot.
  double few = 20.0;
};

/// Accuracies of many-, medium- and few-shot classes; NaN where no row counts.
struct ShotAccuracies {
  double many;
  double medium;
  double few;
};

/// Top-K accuracy by how many training examples a row's class had.
inline ShotAccuracies shot_accuracy(const ConstMatrix &scores, const Labels &labels,
                                    const ShotAccuracyOptions &options) {
  const topkloss_batch batch = detail::scores(scores, labels);
  auto c = detail::initialized(topkloss_shot_accuracy_options_init);
  c.classes = static_cast<std::int64_t>(options.class_counts.size());
  c.class_counts = detail::data_or_null("class_counts", options.class_counts);
  c.k = options.k;
  c.ignore_index = options.ignore_index;
  c.average = static_cast<topkloss_average>(options.average);
  c.many = options.many;
  c.few = options.few;
  double accuracies[3] = {};
  detail::check(topkloss_shot_accuracy(&c, &batch, accuracies));
  return {accuracies[0], accuracies[1], accuracies[2]};
}

}  // namespace topkloss

#endif  // TOPKLOSS_METRICS_HPP

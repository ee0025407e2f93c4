// Accuracies.
#ifndef TOPKLOSS_METRICS_HPP
#define TOPKLOSS_METRICS_HPP

#include <cstdint>

#include "options.hpp"

namespace topkloss {

/// The share of rows whose label is among the K highest scores; 0 if no row counts.
inline double topk_accuracy(const ConstMatrix &scores, const Labels &labels, const TopKAccuracyOptions &options = {},
                            const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores, labels);
  batch.executor = call.c();
  const auto c = detail::c(options);
  double accuracy = 0.0;
  call.check(topkloss_topk_accuracy(&c, &batch, &accuracy));
  return accuracy;
}

/// The share of rows whose label is in the row's set, where the sets have K classes on average; 0 if no row counts.
inline double average_k_accuracy(const ConstMatrix &scores, const Labels &labels,
                                 const AverageKAccuracyOptions &options, const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores, labels);
  batch.executor = call.c();
  const auto c = detail::c(options);
  double accuracy = 0.0;
  call.check(topkloss_average_k_accuracy(&c, &batch, &accuracy));
  return accuracy;
}

/// Accuracies of many-, medium- and few-shot classes; NaN where no row counts.
struct ShotAccuracies {
  double many;
  double medium;
  double few;
};

/// Top-K accuracy by how many training examples a row's class had.
inline ShotAccuracies shot_accuracy(const ConstMatrix &scores, const Labels &labels, const ShotAccuracyOptions &options,
                                    const Executor *executor = nullptr) {
  const detail::ExecutorCall call(executor);
  topkloss_batch batch = detail::scores(scores, labels);
  batch.executor = call.c();
  const auto c = detail::c(options);
  double accuracies[3] = {};
  call.check(topkloss_shot_accuracy(&c, &batch, accuracies));
  return {accuracies[0], accuracies[1], accuracies[2]};
}

}  // namespace topkloss

#endif  // TOPKLOSS_METRICS_HPP

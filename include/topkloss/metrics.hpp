// Accuracies and coverages, of one batch or of several.
#ifndef TOPKLOSS_METRICS_HPP
#define TOPKLOSS_METRICS_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

#include "options.hpp"
#include "posthoc.hpp"

namespace topkloss {

namespace detail {

/// The part of a batch that metrics look at. sample_weight: how often each row counts; empty: once.
inline topkloss_batch judged(const ConstMatrix &scores, const Labels &labels, Span<const double> sample_weight,
                             const ExecutorCall &call) {
  topkloss_batch c = detail::scores(scores, labels);
  c.sample_weight = data_of_rows("sample_weight", sample_weight, scores.rows());
  c.executor = call.c();
  return c;
}

}  // namespace detail

/// The share of rows whose label is among the K highest scores; 0 if no row counts.
inline double topk_accuracy(const ConstMatrix &scores, const Labels &labels, const TopKAccuracyOptions &options = {},
                            const Executor *executor = nullptr, Span<const double> sample_weight = {}) {
  const detail::ExecutorCall call(executor);
  const topkloss_batch batch = detail::judged(scores, labels, sample_weight, call);
  const auto c = detail::c(options);
  double accuracy = 0.0;
  call.check(topkloss_topk_accuracy(&c, &batch, &accuracy));
  return accuracy;
}

/// The share of rows whose label is in the row's set, where the sets have K classes on average; 0 if no row counts. An
/// oracle's figure: the honest one, of a threshold from other rows, is a Tally's.
inline double average_k_accuracy(const ConstMatrix &scores, const Labels &labels,
                                 const AverageKAccuracyOptions &options, const Executor *executor = nullptr,
                                 Span<const double> sample_weight = {}) {
  const detail::ExecutorCall call(executor);
  const topkloss_batch batch = detail::judged(scores, labels, sample_weight, call);
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
                                    const Executor *executor = nullptr, Span<const double> sample_weight = {}) {
  const detail::ExecutorCall call(executor);
  const topkloss_batch batch = detail::judged(scores, labels, sample_weight, call);
  const auto c = detail::c(options);
  double accuracies[3] = {};
  call.check(topkloss_shot_accuracy(&c, &batch, accuracies));
  return {accuracies[0], accuracies[1], accuracies[2]};
}

/// What the rows of each class came to, summed over as many batches as you like, of one kind: labels among the K highest
/// scores, or sets that cover labels. From it follow all figures; tallies of several threads are added.
class Tally {
 public:
  /// Of no rows.
  explicit Tally(std::int64_t classes)
      : hits_(size(classes)), sizes_(hits_.size()), weights_(hits_.size()) {}

  /// Adds a batch's labels among the K highest scores. sample_weight: how often each row counts; empty: once.
  void add_topk(const ConstMatrix &scores, const Labels &labels, const TopKAccuracyOptions &options = {},
                Span<const double> sample_weight = {}, const Executor *executor = nullptr) {
    const detail::ExecutorCall call(executor);
    const topkloss_batch batch = judged(scores, labels, sample_weight, call);
    const auto c = detail::c(options);
    call.check(topkloss_tally_topk(&c, &batch, hits_.data(), weights_.data()));
  }

  /// Adds how a batch's sets, the scores at or above the threshold, cover its labels.
  void add_sets(const Threshold &threshold, const ConstMatrix &scores, const Labels &labels,
                Span<const double> sample_weight = {}, std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX,
                const Executor *executor = nullptr) {
    const detail::ExecutorCall call(executor);
    const topkloss_batch batch = judged(scores, labels, sample_weight, call);
    const auto c = detail::c(threshold);
    call.check(
        topkloss_tally_sets(&c, ignore_index, &batch, hits_.data(), sizes_.data(), weights_.data()));
  }

  /// Adds what another has counted.
  Tally &operator+=(const Tally &other) {
    detail::check_size("other", static_cast<std::int64_t>(other.hits_.size()), "classes",
                       static_cast<std::int64_t>(hits_.size()));
    for (std::size_t i = 0; i < hits_.size(); ++i) {
      hits_[i] += other.hits_[i];
      sizes_[i] += other.sizes_[i];
      weights_[i] += other.weights_[i];
    }
    return *this;
  }

  /// The accuracy or coverage; 0 if no row counts.
  double average(Average average = Average::micro) const { return mean(hits_, average); }

  /// The average size of sets; 0 if no row counts.
  double average_size(Average average = Average::micro) const { return mean(sizes_, average); }

  /// By how much classes are covered less than they should be, on average.
  double shortfall(double coverage) const {
    double shortfall = 0.0;
    detail::check(topkloss_tally_shortfall(coverage, static_cast<std::int64_t>(hits_.size()), hits_.data(),
                                           weights_.data(), &shortfall));
    return shortfall;
  }

  /// The accuracy or coverage by how many training examples a class had. k and ignore_index are not looked at.
  ShotAccuracies shots(const ShotAccuracyOptions &options) const {
    detail::check_size("class_counts", static_cast<std::int64_t>(options.class_counts.size()), "classes",
                       static_cast<std::int64_t>(hits_.size()));
    const auto c = detail::c(options);
    double means[3] = {};
    detail::check(topkloss_tally_shots(&c, hits_.data(), weights_.data(), means));
    return {means[0], means[1], means[2]};
  }

  /// The weights of each class's rows whose label was found.
  const std::vector<double> &hits() const noexcept { return hits_; }

  /// The weighted sizes of the sets of each class's rows.
  const std::vector<double> &sizes() const noexcept { return sizes_; }

  /// The weights of each class's rows.
  const std::vector<double> &weights() const noexcept { return weights_; }

 private:
  static std::size_t size(std::int64_t classes) { return classes < 0 ? 0 : static_cast<std::size_t>(classes); }

  topkloss_batch judged(const ConstMatrix &scores, const Labels &labels, Span<const double> sample_weight,
                        const detail::ExecutorCall &call) const {
    detail::check_size("the tally", static_cast<std::int64_t>(hits_.size()), "classes", scores.classes());
    return detail::judged(scores, labels, sample_weight, call);
  }

  double mean(const std::vector<double> &sums, Average average) const {
    double mean = 0.0;
    detail::check(topkloss_tally_average(static_cast<topkloss_average>(average),
                                         static_cast<std::int64_t>(sums.size()), sums.data(), weights_.data(), &mean));
    return mean;
  }

  std::vector<double> hits_;
  std::vector<double> sizes_;
  std::vector<double> weights_;
};

}  // namespace topkloss

#endif  // TOPKLOSS_METRICS_HPP

// Losses with a multi-label side: two heads, and one positive label a row. topkloss.h has the formulas, ranges and
// papers.
#ifndef TOPKLOSS_MULTI_LABEL_LOSSES_HPP
#define TOPKLOSS_MULTI_LABEL_LOSSES_HPP

#include <cstdint>

#include "options.hpp"

namespace topkloss {

/// What class losses of a row are divided by.
enum class ClassReduction : topkloss_class_reduction {
  /// The sum over classes.
  sum = TOPKLOSS_CLASS_SUM,
  /// The mean over classes.
  mean = TOPKLOSS_CLASS_MEAN
};

struct TwoHeadAverageKOptions {
  Reduction reduction = Reduction::mean;
  /// Whether a NaN or +inf in any row is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, above 0 and below C. No default.
  double k = 0.0;
  /// omega of candidates other than the label.
  double candidate_weight = 1.0;
  /// mu.
  double multi_label_weight = 1.0;
  ClassReduction class_reduction = ClassReduction::sum;
  /// Share of the batches before in the threshold, which Evaluation hands out and Output takes back.
  double threshold_decay = 0.0;
};

/// The two-head average-K loss: set multi_label_logits in the batch and multi_label_gradient in the output.
class TwoHeadAverageKLoss : public Loss {
 public:
  explicit TwoHeadAverageKLoss(const TwoHeadAverageKOptions &options)
      : Loss(topkloss_two_head_average_k_create, c(options)) {}

 private:
  static topkloss_two_head_average_k_options c(const TwoHeadAverageKOptions &options) {
    auto c = detail::initialized(topkloss_two_head_average_k_options_init);
    detail::set_common(c, options);
    c.k = options.k;
    c.candidate_weight = options.candidate_weight;
    c.multi_label_weight = options.multi_label_weight;
    c.class_reduction = static_cast<topkloss_class_reduction>(options.class_reduction);
    c.threshold_decay = options.threshold_decay;
    return c;
  }
};

/// How the classes that no label names are treated.
enum class SinglePositiveMethod : topkloss_single_positive_method {
  assume_negative = TOPKLOSS_ASSUME_NEGATIVE,
  /// Each negative counts 1 / (C - 1).
  weak_assume_negative = TOPKLOSS_WEAK_ASSUME_NEGATIVE,
  /// Expected-positive regularisation.
  expected_positive = TOPKLOSS_EXPECTED_POSITIVE
};

struct SinglePositiveOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  SinglePositiveMethod method = SinglePositiveMethod::assume_negative;
  /// K, the expected number of positives a row. Expected positive only. No default.
  double expected_positives = 0.0;
  /// lambda. Expected positive only.
  double regularization = 1.0;
};

/// Multi-label learning from one positive label a row.
class SinglePositiveLoss : public Loss {
 public:
  explicit SinglePositiveLoss(const SinglePositiveOptions &options = {})
      : Loss(topkloss_single_positive_create, c(options)) {}

 private:
  static topkloss_single_positive_options c(const SinglePositiveOptions &options) {
    auto c = detail::initialized(topkloss_single_positive_options_init);
    detail::set_common(c, options);
    c.method = static_cast<topkloss_single_positive_method>(options.method);
    c.expected_positives = options.expected_positives;
    c.regularization = options.regularization;
    return c;
  }
};

}  // namespace topkloss

#endif  // TOPKLOSS_MULTI_LABEL_LOSSES_HPP

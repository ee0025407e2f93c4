// Mean squared error with outlying label, the two-head average-K loss and the single-positive losses, with no option at
// its default, against their formulas; candidates by sorting all probabilities.
#include <algorithm>

#include "compare.hpp"

namespace {

using topkloss::Reduction;

template <class Options>
Options common(Reduction reduction) {
  Options options;
  options.reduction = reduction;
  options.check_finite = true;
  options.ignore_index = ignored_label;
  return options;
}

// ---- mean squared error with outlying label

const std::vector<double> own_teacher = {1.0, -2.0, 3.5, 0.5, 6.0};

RowLosses squares(const Scores &z, const std::vector<double> &teacher) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    if (row == ignored_row) continue;
    for (std::size_t j = 0; j < classes; ++j) {
      const double distance = z[static_cast<std::size_t>(row)][j] - (j == label_of(row) ? teacher[j] : 0.0);
      losses[static_cast<std::size_t>(row)] += distance * distance / classes;
    }
  }
  return losses;
}

// Counts are 500, 100, 20, 4, 60, so the ranks 1, 2, 4, 5, 3; alpha is 0.5.
RowLosses ranked_mse(const Scores &z, const Scores &) { return squares(z, {0.5, 1.0, 2.0, 2.5, 1.5}); }

RowLosses taught_mse(const Scores &z, const Scores &) { return squares(z, own_teacher); }

// ---- two heads

constexpr double candidates_a_row = 1.5;
constexpr double threshold_before = 0.5;
constexpr double decay = 0.75;

double probability(const Row &z, std::size_t c) {
  double sum = 0.0;
  for (const double other : z) sum += std::exp(other - z[c]);
  return 1.0 / sum;
}

// Between the last of round(B K) probabilities and the next one. Three rows count: 4.5 pairs, to the even 4.
double batch_threshold() {
  std::vector<double> all;
  for (int row = 0; row < rows; ++row)
    for (std::size_t j = 0; j < classes && row != ignored_row; ++j)
      all.push_back(probability(logits[static_cast<std::size_t>(row)], j));
  std::sort(all.begin(), all.end(), std::greater<double>());
  return (all[3] + all[4]) / 2.0;
}

// Candidates are those of the unchanged scores: constants in the gradient.
RowLosses two_heads(const Scores &z, const Scores &g, double threshold, double weight, double factor) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    if (row == ignored_row) continue;
    const auto i = static_cast<std::size_t>(row);
    const std::size_t y = label_of(row);
    losses[i] = -std::log(probability(z[i], y));
    for (std::size_t j = 0; j < classes; ++j) {
      const bool is_candidate = probability(logits[i], j) >= threshold;
      const double omega = is_candidate && j != y ? weight : 1.0;
      losses[i] += factor * omega * std::log1p(std::exp(is_candidate || j == y ? -g[i][j] : g[i][j]));
    }
  }
  return losses;
}

RowLosses sum_of_heads(const Scores &z, const Scores &g) { return two_heads(z, g, batch_threshold(), 0.5, 2.0); }

double moved_threshold() { return decay * threshold_before + (1.0 - decay) * batch_threshold(); }

RowLosses moving_heads(const Scores &z, const Scores &g) {
  return two_heads(z, g, moved_threshold(), 0.25, 1.5 / classes);
}

// ---- one positive label

double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

RowLosses assume(const Scores &z, double weight) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    for (std::size_t j = 0; j < classes && row != ignored_row; ++j)
      losses[i] -= (j == label_of(row) ? std::log(sigmoid(z[i][j])) : weight * std::log(1.0 - sigmoid(z[i][j]))) / classes;
  }
  return losses;
}

RowLosses negative(const Scores &z, const Scores &) { return assume(z, 1.0); }

RowLosses weak(const Scores &z, const Scores &) { return assume(z, 1.0 / (classes - 1)); }

RowLosses expected_positive(const Scores &z, const Scores &) {
  double mean = 0.0;
  double total = 0.0;
  for (int row = 0; row < rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (row == ignored_row) continue;
    total += sample_weight[i];
    for (const double entry : z[i]) mean += sample_weight[i] * sigmoid(entry);
  }
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row)
    if (row != ignored_row)
      losses[static_cast<std::size_t>(row)] = -std::log(sigmoid(z[static_cast<std::size_t>(row)][label_of(row)])) +
                                              3.0 * std::pow((mean / total - 1.75) / classes, 2.0);
  return losses;
}

}  // namespace

int main() {
  compare({"OutlyingMSELoss",
           [](Reduction reduction) {
             auto options = common<topkloss::OutlyingMSEOptions>(reduction);
             options.class_counts = counts;
             options.count_smoothing = 1.0;
             options.alpha = 0.5;
             return topkloss::OutlyingMSELoss(options);
           },
           ranked_mse});
  compare({"OutlyingMSELoss with a teacher",
           [](Reduction reduction) {
             auto options = common<topkloss::OutlyingMSEOptions>(reduction);
             options.teacher = own_teacher;
             return topkloss::OutlyingMSELoss(options);
           },
           taught_mse});
  compare({"TwoHeadAverageKLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::TwoHeadAverageKOptions>(reduction);
             options.k = candidates_a_row;
             options.candidate_weight = 0.5;
             options.multi_label_weight = 2.0;
             return topkloss::TwoHeadAverageKLoss(options);
           },
           sum_of_heads, {}, {}, false, 0.0, batch_threshold()});
  compare({"TwoHeadAverageKLoss, moving average",
           [](Reduction reduction) {
             auto options = common<topkloss::TwoHeadAverageKOptions>(reduction);
             options.k = candidates_a_row;
             options.candidate_weight = 0.25;
             options.multi_label_weight = 1.5;
             options.class_reduction = topkloss::ClassReduction::mean;
             options.threshold_decay = decay;
             return topkloss::TwoHeadAverageKLoss(options);
           },
           moving_heads, {}, {}, false, threshold_before, moved_threshold()});
  compare({"SinglePositiveLoss, assume negative",
           [](Reduction reduction) {
             return topkloss::SinglePositiveLoss(common<topkloss::SinglePositiveOptions>(reduction));
           },
           negative});
  compare({"SinglePositiveLoss, weak assume negative",
           [](Reduction reduction) {
             auto options = common<topkloss::SinglePositiveOptions>(reduction);
             options.method = topkloss::SinglePositiveMethod::weak_assume_negative;
             return topkloss::SinglePositiveLoss(options);
           },
           weak});
  compare({"SinglePositiveLoss, expected positive",
           [](Reduction reduction) {
             auto options = common<topkloss::SinglePositiveOptions>(reduction);
             options.method = topkloss::SinglePositiveMethod::expected_positive;
             options.expected_positives = 1.75;
             options.regularization = 3.0;
             return topkloss::SinglePositiveLoss(options);
           },
           expected_positive});
  return check_summary();
}

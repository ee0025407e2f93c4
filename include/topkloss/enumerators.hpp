// Enumerations of topkloss.h.
//
// Generated from topkloss.h by `python -m abi`: change that, not this.
#ifndef TOPKLOSS_ENUMERATORS_HPP
#define TOPKLOSS_ENUMERATORS_HPP

#include "../topkloss.h"

namespace topkloss {

/// How row losses become one value.
enum class Reduction : topkloss_reduction {
  /// Weighted mean: divided by the sum of the weights of the rows that count.
  mean = TOPKLOSS_MEAN,
  /// Weighted sum.
  sum = TOPKLOSS_SUM,
  /// One value a row; value is their sum.
  none = TOPKLOSS_NONE
};

/// How the expectation over the noise is taken.
enum class Estimator : topkloss_estimator {
  /// The mean of n_samples draws, as in the paper.
  monte_carlo = TOPKLOSS_MONTE_CARLO,
  /// The expectation itself, by quadrature over the distribution of how many scores exceed a threshold. No sampling
  /// noise: n_samples, seed, step and first_row mean nothing, and noise must be NULL. Its error is at most 1e-5
  /// max(epsilon, 1e-3, 0.01 |T|) on T and 1e-5 on each entry of its gradient; for float64 logits 1e-10 in place of
  /// 1e-5.
  exact = TOPKLOSS_EXACT
};

/// How a trained model's scores become a class.
enum class PredictionRule : topkloss_prediction_rule {
  /// argmax_j z_j.
  argmax = TOPKLOSS_ARGMAX,
  /// The class whose teacher vector t_c e_c is nearest to the row: argmax_j t_j (2 z_j - t_j).
  nearest_teacher = TOPKLOSS_NEAREST_TEACHER
};

/// What class losses of a row are divided by.
enum class ClassReduction : topkloss_class_reduction {
  /// The sum over classes.
  sum = TOPKLOSS_CLASS_SUM,
  /// The mean over classes.
  mean = TOPKLOSS_CLASS_MEAN
};

/// How the classes that no label names are treated.
enum class SinglePositiveMethod : topkloss_single_positive_method {
  /// Assume negative.
  assume_negative = TOPKLOSS_ASSUME_NEGATIVE,
  /// Weak assume negative: each negative counts 1 / (C - 1).
  weak_assume_negative = TOPKLOSS_WEAK_ASSUME_NEGATIVE,
  /// Expected-positive regularisation.
  expected_positive = TOPKLOSS_EXPECTED_POSITIVE
};

/// How accuracies of rows become one figure.
enum class Average : topkloss_average {
  /// Mean over rows.
  micro = TOPKLOSS_MICRO,
  /// Mean over classes of each class's mean over its rows; classes without rows are left out.
  macro = TOPKLOSS_MACRO
};

}  // namespace topkloss

#endif  // TOPKLOSS_ENUMERATORS_HPP

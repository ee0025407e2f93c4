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

/// How the teacher of a mean squared error with outlying label follows from the counts.
enum class TeacherRule : topkloss_teacher_rule {
  /// t_c = alpha r_c, r_c the rank by decreasing count (1: the most frequent; of equal counts, the lower index first).
  rank_teacher = TOPKLOSS_RANK_TEACHER,
  /// t_c = alpha (n_max / n_c)^power.
  power_teacher = TOPKLOSS_POWER_TEACHER
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

/// How conformal thresholds follow from the calibration rows.
enum class ConformalMethod : topkloss_conformal_method {
  /// One threshold, the r(n)-th largest of the labels' p: so many of all labels are covered.
  standard = TOPKLOSS_CONFORMAL_STANDARD,
  /// t_c = the r(n_c)-th largest of the n_c rows of class c: so many of every class's are. 0 for classes with few.
  classwise = TOPKLOSS_CONFORMAL_CLASSWISE,
  /// t_c = pi_c times the r(n)-th largest of p_y / pi_y: the mean over classes in view, and small sets.
  prevalence_adjusted = TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED,
  /// weight times classwise, and the rest standard. No guarantee of its own.
  interpolated = TOPKLOSS_CONFORMAL_INTERPOLATED
};

/// How accuracies of rows become one figure.
enum class Average : topkloss_average {
  /// Mean over rows, weighted by the batch's sample_weight.
  micro = TOPKLOSS_MICRO,
  /// Mean over classes of each class's weighted mean over its rows; classes without weight are left out.
  macro = TOPKLOSS_MACRO
};

/// Which of the weights above.
enum class ClassWeighting : topkloss_class_weighting {
  /// Those of topkloss_inverse_frequency.
  inverse_frequency = TOPKLOSS_INVERSE_FREQUENCY,
  /// Those of topkloss_effective_number.
  effective_number = TOPKLOSS_EFFECTIVE_NUMBER
};

}  // namespace topkloss

#endif  // TOPKLOSS_ENUMERATORS_HPP

// The top-K family. topkloss.h has the formulas, ranges and papers.
#ifndef TOPKLOSS_TOPK_LOSSES_HPP
#define TOPKLOSS_TOPK_LOSSES_HPP

#include <cstdint>

#include "options.hpp"

namespace topkloss {

/// How the expectation over the noise is taken.
enum class Estimator : topkloss_estimator {
  /// The mean of n_samples draws.
  monte_carlo = TOPKLOSS_MONTE_CARLO,
  /// The expectation itself, by quadrature.
  exact = TOPKLOSS_EXACT
};

struct NoisedTopKOptions {
  Reduction reduction = Reduction::mean;
  /// Whether a NaN or +inf in any row is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// S, noise samples a row. Monte Carlo only.
  std::int64_t n_samples = 5;
  /// Key of the library's own noise. Monte Carlo only.
  std::uint64_t seed = 0;
  /// Standard deviation of the noise, in units of a logit.
  double epsilon = 1.0;
  /// Margin of the balanced loss, in units of a logit.
  double margin = 1.0;
  /// s.
  double scale = 1.0;
  /// Training examples of each class, for the imbalanced loss; empty: the balanced one.
  Span<const double> class_counts = {};
  /// Added to every count.
  double count_smoothing = 0.0;
  /// Margin of the rarest class, with class_counts only.
  double max_margin = 0.5;
  Estimator estimator = Estimator::monte_carlo;
};

/// Noised top-K, balanced, and with class_counts imbalanced.
class NoisedTopKLoss : public Loss {
 public:
  explicit NoisedTopKLoss(const NoisedTopKOptions &options) : Loss(topkloss_noised_topk_create, c(options)) {}

 private:
  static topkloss_noised_topk_options c(const NoisedTopKOptions &options) {
    auto c = detail::initialized(topkloss_noised_topk_options_init);
    detail::set_common(c, options);
    c.k = options.k;
    c.n_samples = options.n_samples;
    c.seed = options.seed;
    c.epsilon = options.epsilon;
    c.margin = options.margin;
    c.scale = options.scale;
    c.classes = detail::classes_of({{"class_counts", options.class_counts}});
    c.class_counts = detail::data_or_null("class_counts", options.class_counts);
    c.count_smoothing = options.count_smoothing;
    c.max_margin = options.max_margin;
    c.estimator = static_cast<topkloss_estimator>(options.estimator);
    return c;
  }
};

struct NoisedTopKOperatorOptions {
  /// The rank, 1 to C. No default.
  std::int64_t k = 0;
  std::int64_t n_samples = 5;
  std::uint64_t seed = 0;
  double epsilon = 1.0;
  Estimator estimator = Estimator::exact;
  bool check_finite = false;
};

/// The expected k-th largest of noised scores, evaluated like a loss without labels: row_values receives it, gradient
/// the vector-Jacobian product with the batch's upstream, of one number a row.
class NoisedTopKOperator : public Loss {
 public:
  explicit NoisedTopKOperator(const NoisedTopKOperatorOptions &options)
      : Loss(topkloss_noised_topk_operator_create, c(options), Upstream::each_row) {}

 private:
  static topkloss_noised_topk_operator_options c(const NoisedTopKOperatorOptions &options) {
    auto c = detail::initialized(topkloss_noised_topk_operator_options_init);
    c.k = options.k;
    c.n_samples = options.n_samples;
    c.seed = options.seed;
    c.epsilon = options.epsilon;
    c.estimator = static_cast<topkloss_estimator>(options.estimator);
    c.check_finite = options.check_finite ? 1 : 0;
    return c;
  }
};

struct TopKHingeOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// K, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// In units of a logit.
  double margin = 1.0;
};

/// The top-K calibrated hinge.
class TopKHingeLoss : public Loss {
 public:
  explicit TopKHingeLoss(const TopKHingeOptions &options) : Loss(topkloss_topk_hinge_create, c(options)) {}

 private:
  static topkloss_topk_hinge_options c(const TopKHingeOptions &options) {
    auto c = detail::initialized(topkloss_topk_hinge_options_init);
    detail::set_common(c, options);
    c.k = options.k;
    c.margin = options.margin;
    return c;
  }
};

struct SmoothTopKSVMOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// k, 1 to C - 1. No default.
  std::int64_t k = 0;
  /// The temperature, in units of a logit.
  double tau = 1.0;
  /// The margin, in units of a logit.
  double alpha = 1.0;
};

/// The smooth top-K SVM.
class SmoothTopKSVMLoss : public Loss {
 public:
  explicit SmoothTopKSVMLoss(const SmoothTopKSVMOptions &options)
      : Loss(topkloss_smooth_topk_svm_create, c(options)) {}

 private:
  static topkloss_smooth_topk_svm_options c(const SmoothTopKSVMOptions &options) {
    auto c = detail::initialized(topkloss_smooth_topk_svm_options_init);
    detail::set_common(c, options);
    c.k = options.k;
    c.tau = options.tau;
    c.alpha = options.alpha;
    return c;
  }
};

namespace detail {

/// a b of numbers that are not negative, or the largest number where that is more.
constexpr std::int64_t saturating_product(std::int64_t a, std::int64_t b) noexcept {
  return b != 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

}  // namespace detail

/// Writes the noise that a noised top-K loss draws for itself when given none: rows x n_samples x classes numbers.
inline void standard_normal(std::uint64_t seed, std::uint64_t step, std::int64_t first_row, std::int64_t rows,
                            std::int64_t n_samples, std::int64_t classes, Span<float> noise) {
  if (rows >= 0 && n_samples >= 0 && classes >= 0)
    detail::check_size("noise", static_cast<std::int64_t>(noise.size()), "rows x samples x classes",
                       detail::saturating_product(detail::saturating_product(rows, n_samples), classes));
  detail::check(topkloss_standard_normal(seed, step, first_row, rows, n_samples, classes, noise.data()));
}

}  // namespace topkloss

#endif  // TOPKLOSS_TOPK_LOSSES_HPP

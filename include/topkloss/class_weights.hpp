// Class weights, to be passed to a loss as class_weight.
#ifndef TOPKLOSS_CLASS_WEIGHTS_HPP
#define TOPKLOSS_CLASS_WEIGHTS_HPP

#include <cstdint>
#include <vector>

#include "views.hpp"

namespace topkloss {

/// Writes weights in inverse proportion to the counts, with mean 1; weights may be the counts.
inline void inverse_frequency(Span<const double> class_counts, Span<double> weights) {
  detail::check_size("weights", static_cast<std::int64_t>(weights.size()), "classes",
                     static_cast<std::int64_t>(class_counts.size()));
  detail::check(topkloss_inverse_frequency(static_cast<std::int64_t>(class_counts.size()), class_counts.data(),
                                           weights.data()));
}

/// Weights in inverse proportion to the counts, with mean 1.
inline std::vector<double> inverse_frequency(Span<const double> class_counts) {
  std::vector<double> weights(class_counts.size());
  inverse_frequency(class_counts, weights);
  return weights;
}

/// Writes weights in inverse proportion to the effective number of examples, with sum C; weights may be the counts.
/// beta: in [0, 1).
inline void effective_number(Span<const double> class_counts, double beta, Span<double> weights) {
  detail::check_size("weights", static_cast<std::int64_t>(weights.size()), "classes",
                     static_cast<std::int64_t>(class_counts.size()));
  detail::check(topkloss_effective_number(static_cast<std::int64_t>(class_counts.size()), class_counts.data(), beta,
                                          weights.data()));
}

/// Weights in inverse proportion to the effective number of examples, with sum C. beta: in [0, 1).
inline std::vector<double> effective_number(Span<const double> class_counts, double beta) {
  std::vector<double> weights(class_counts.size());
  effective_number(class_counts, beta, weights);
  return weights;
}

}  // namespace topkloss

#endif  // TOPKLOSS_CLASS_WEIGHTS_HPP

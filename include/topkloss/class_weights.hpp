// Class weights, to be passed to a loss as class_weight.
#ifndef TOPKLOSS_CLASS_WEIGHTS_HPP
#define TOPKLOSS_CLASS_WEIGHTS_HPP

#include <cstdint>
#include <vector>

#include "options.hpp"

namespace topkloss {

/// Writes class weights of counts that may be smoothed, with mean 1; weights may be the counts.
inline void class_weights(const ClassWeightsOptions &options, Span<double> weights) {
  detail::check_size("weights", static_cast<std::int64_t>(weights.size()), "classes",
                     static_cast<std::int64_t>(options.class_counts.size()));
  const auto c = detail::c(options);
  detail::check(topkloss_class_weights(&c, weights.data()));
}

/// Class weights of counts that may be smoothed, with mean 1.
inline std::vector<double> class_weights(const ClassWeightsOptions &options) {
  std::vector<double> weights(options.class_counts.size());
  class_weights(options, weights);
  return weights;
}

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

// The noise of noised top-K by itself.
#ifndef TOPKLOSS_NOISE_HPP
#define TOPKLOSS_NOISE_HPP

#include <cstdint>

#include "views.hpp"

namespace topkloss {

/// Writes the noise that a noised top-K loss draws for itself when given none: rows x n_samples x classes numbers.
inline void standard_normal(std::uint64_t seed, std::uint64_t step, std::int64_t first_row, std::int64_t rows,
                            std::int64_t n_samples, std::int64_t classes, Span<float> noise) {
  if (rows >= 0 && n_samples >= 0 && classes >= 0)
    detail::check_size("noise", static_cast<std::int64_t>(noise.size()), "rows x samples x classes",
                       detail::saturating_product(detail::saturating_product(rows, n_samples), classes));
  detail::check(topkloss_standard_normal(seed, step, first_row, rows, n_samples, classes, noise.data()));
}

}  // namespace topkloss

#endif  // TOPKLOSS_NOISE_HPP

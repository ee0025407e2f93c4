// What a failing call throws.
#ifndef TOPKLOSS_ERROR_HPP
#define TOPKLOSS_ERROR_HPP

#include <stdexcept>
#include <string>

#include "../topkloss.h"

namespace topkloss {

/// What was wrong with a call: what() is the library's message, which names the argument, the row, the value and what
/// is allowed.
class Error : public std::runtime_error {
 public:
  /// status: one of the TOPKLOSS_ERROR_ values.
  Error(topkloss_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

  /// One of the TOPKLOSS_ERROR_ values.
  topkloss_status status() const noexcept { return status_; }

  /// Its name, "TOPKLOSS_ERROR_LABEL". Static.
  const char *status_name() const noexcept { return topkloss_status_name(status_); }

 private:
  topkloss_status status_;
};

namespace detail {

inline void check(topkloss_status status) {
  if (status != TOPKLOSS_OK) throw Error(status, topkloss_last_error());
}

/// What the C interface cannot check, for it gets pointers: that a view is as long as the others say.
inline void check_size(const char *name, std::int64_t found, const char *of_what, std::int64_t expected) {
  if (found == expected) return;
  throw Error(TOPKLOSS_ERROR_SIZE, std::string(name) + " has " + std::to_string(found) + " entries for " +
                                       std::to_string(expected) + " " + of_what);
}

/// a b of numbers that are not negative, or the largest number where that is more.
constexpr std::int64_t saturating_product(std::int64_t a, std::int64_t b) noexcept {
  return b != 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

/// A struct of the C interface with its defaults.
template <class Struct>
Struct initialized(topkloss_status (*initialize)(Struct *, size_t)) {
  Struct initial;
  check(initialize(&initial, sizeof initial));
  return initial;
}

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_ERROR_HPP

// Vectors indexed by class or by rank, which options have as views of their entries.
#ifndef TOPKLOSS_CLASS_VECTORS_HPP
#define TOPKLOSS_CLASS_VECTORS_HPP

#include <cstdint>
#include <initializer_list>
#include <string>

#include "views.hpp"

namespace topkloss {

namespace detail {

/// A vector indexed by class, and what a message calls it.
struct ClassVector {
  const char *name;
  Span<const double> entries;
};

/// C, from the vectors that are there; 0 if none is. Their lengths must agree.
inline std::int64_t classes_of(std::initializer_list<ClassVector> vectors) {
  const ClassVector *first = nullptr;
  for (const ClassVector &vector : vectors) {
    if (vector.entries.empty()) continue;
    if (first == nullptr) first = &vector;
    if (vector.entries.size() != first->entries.size())
      throw Error(TOPKLOSS_ERROR_SIZE, std::string(vector.name) + " has " + std::to_string(vector.entries.size()) +
                                           " entries, " + first->name + " " + std::to_string(first->entries.size()));
  }
  return first == nullptr ? 0 : static_cast<std::int64_t>(first->entries.size());
}

/// A vector of `count` entries, or NULL for an empty one.
inline const double *entries_or_null(const char *name, Span<const double> entries, std::int64_t count) {
  const double *const data = data_or_null(name, entries);
  if (data != nullptr && static_cast<std::int64_t>(entries.size()) != count)
    throw Error(TOPKLOSS_ERROR_SIZE, std::string(name) + " has " + std::to_string(entries.size()) + " entries, k is " +
                                         std::to_string(count));
  return data;
}

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_CLASS_VECTORS_HPP

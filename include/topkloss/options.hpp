// From options as C++ has them to those of the C interface: what several losses have in common.
#ifndef TOPKLOSS_OPTIONS_HPP
#define TOPKLOSS_OPTIONS_HPP

#include <cstdint>
#include <initializer_list>
#include <string>

#include "loss.hpp"

namespace topkloss {

namespace detail {

/// What the options of every loss with labels begin with.
template <class C, class Options>
void set_common(C &c, const Options &options) {
  c.reduction = static_cast<topkloss_reduction>(options.reduction);
  c.check_finite = options.check_finite ? 1 : 0;
  c.ignore_index = options.ignore_index;
}

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

/// The members of every softmax-margin loss with class counts.
template <class C, class Options>
void set_counts(C &c, const Options &options) {
  set_common(c, options);
  c.classes = classes_of({{"class_counts", options.class_counts}, {"class_weight", options.class_weight}});
  c.class_counts = data_or_null("class_counts", options.class_counts);
  c.count_smoothing = options.count_smoothing;
  c.class_weight = data_or_null("class_weight", options.class_weight);
  c.label_smoothing = options.label_smoothing;
}

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_OPTIONS_HPP

// Options of every loss in both interfaces, written from the table of the header's members: C's by name and kind, C++'s
// from C's, member by member, so that what C++ does not hand on is seen.
#ifndef OPTIONS_HPP
#define OPTIONS_HPP

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include <loss_types.h>

#include "check.hpp"

// Which values options have. Vectors are views of these.
struct Choice {
  const std::vector<double> &counts;
  topkloss_reduction reduction = TOPKLOSS_MEAN;
  // The value of the one enumeration that a loss may have besides.
  std::int32_t mode = 0;
  // Whether members that have a default get another value.
  bool is_odd = false;

  void set_number(const std::string &name, double &member) const {
    if (name == "k") member = 2.5;
    if (name == "expected_positives") member = 2.0;
    if (is_odd) member = 0.5 * (std::isnan(member) ? 1 : member) + 0.125;
  }

  void set_integer(const std::string &name, std::int64_t &member) const {
    if (name == "k") member = 2;
    if (is_odd) member = member < 0 ? -7 : member + 1;
  }

  void set_word(const std::string &, std::uint64_t &member) const { member = is_odd ? 5 : member; }

  void set_code(const std::string &name, std::int32_t &member, std::int32_t enumerators) const {
    if (name == "reduction")
      member = reduction;
    else if (enumerators > 0)
      member = mode;
    else
      member = is_odd ? 1 : 0;
  }

  // Those by class; weights are as many as K.
  void set_vector(const std::string &name, const double *&member) const {
    if (name != "weights") member = counts.data();
  }

  void set_classes(const std::string &, std::int64_t &member) const {
    member = static_cast<std::int64_t>(counts.size());
  }
};

// A member of C++'s options from that of C's.
template <class Cpp, class C>
void copy(Cpp &cpp, const C &c, std::int64_t classes) {
  (void)classes;
  if constexpr (std::is_same_v<C, const double *>)
    cpp = topkloss::Span<const double>(c, c == nullptr ? 0 : static_cast<std::size_t>(classes));
  else if constexpr (std::is_same_v<Cpp, bool>)
    cpp = c != 0;
  else
    cpp = static_cast<Cpp>(c);
}

// Whether a member is the same in both.
template <class Cpp, class C>
bool same(const Cpp &cpp, const C &c) {
  if constexpr (std::is_same_v<C, const double *>)
    return cpp.data() == c;
  else if constexpr (std::is_same_v<C, double>)
    return std::isnan(cpp) == std::isnan(c) && !(cpp < c) && !(c < cpp);
  else
    return !(static_cast<C>(cpp) < c) && !(c < static_cast<C>(cpp));
}

#define SET_NUMBER(member, enumerators) choice.set_number(#member, c.member);
#define SET_INTEGER(member, enumerators) choice.set_integer(#member, c.member);
#define SET_WORD(member, enumerators) choice.set_word(#member, c.member);
#define SET_CODE(member, enumerators) choice.set_code(#member, c.member, enumerators);
#define SET_VECTOR(member, enumerators) choice.set_vector(#member, c.member);
#define SET_CLASSES(member, enumerators) choice.set_classes(#member, c.member);
#define SET_MEMBER(loss, member, kind, enumerators) SET_##kind(member, enumerators)

// C++ has no member for the length of its vectors.
#define UNLESS_CLASSES_NUMBER(statement) statement
#define UNLESS_CLASSES_INTEGER(statement) statement
#define UNLESS_CLASSES_WORD(statement) statement
#define UNLESS_CLASSES_CODE(statement) statement
#define UNLESS_CLASSES_VECTOR(statement) statement
#define UNLESS_CLASSES_CLASSES(statement)
#define COPY_MEMBER(loss, member, kind, enumerators) \
  UNLESS_CLASSES_##kind(copy(cpp.member, c.member, static_cast<std::int64_t>(choice.counts.size()));)
#define COMPARE_MEMBER(loss, member, kind, enumerators) \
  UNLESS_CLASSES_##kind(CHECK(same(cpp.member, c.member), "default of " #loss "'s " #member);)
#define MODES_OF_MEMBER(loss, member, kind, enumerators) +(std::string(#member) == "reduction" ? 0 : enumerators)

// What there is of a loss: a type a loss, so that templates can be written for all.
#define DEFINE_LOSS(loss, Class, Options)                                     \
  struct Named_##loss {                                                       \
    using C = topkloss_##loss##_options;                                      \
    using Cpp = topkloss::Options;                                            \
    using Loss = topkloss::Class;                                             \
    static constexpr const char *name = #loss;                                \
    static int modes() { return 0 TOPKLOSS_OPTIONS_##loss(MODES_OF_MEMBER); } \
    static C c_options(const Choice &choice) {                                \
      C c;                                                                    \
      topkloss::detail::check(topkloss_##loss##_options_init(&c, sizeof c));  \
      TOPKLOSS_OPTIONS_##loss(SET_MEMBER) return c;                           \
    }                                                                         \
    static Cpp cpp_options(const Choice &choice) {                            \
      const C c = c_options(choice);                                          \
      Cpp cpp;                                                                \
      TOPKLOSS_OPTIONS_##loss(COPY_MEMBER) return cpp;                        \
    }                                                                         \
    static topkloss_loss *c_loss(const Choice &choice) {                      \
      const C c = c_options(choice);                                          \
      topkloss_loss *handle = nullptr;                                        \
      topkloss::detail::check(topkloss_##loss##_create(&c, &handle));         \
      return handle;                                                          \
    }                                                                         \
    static void compare_defaults() {                                          \
      C c;                                                                    \
      const Cpp cpp;                                                          \
      topkloss::detail::check(topkloss_##loss##_options_init(&c, sizeof c));  \
      TOPKLOSS_OPTIONS_##loss(COMPARE_MEMBER)                                 \
    }                                                                         \
  };
TOPKLOSS_LOSSES(DEFINE_LOSS)

#endif  // OPTIONS_HPP

#include "structs.hpp"

#include <algorithm>

#include "check.hpp"
#include "numbers.hpp"

namespace {

const StructMember *member_named(const Options &options, const char *name) {
  for (int32_t i = 0; i < options.type->count; i++)
    if (options.type->members[i].is(name)) return &options.type->members[i];
  return nullptr;
}

// NaN stands for what depends on other members.
double some_number(Input &input, const StructMember &member, double by_default, int64_t classes, bool is_ordinary) {
  static const double factors[] = {1.0, 0.5, 0.25, 1.5, 0.75, 0.125, 0.0, 2.0};
  if (!is_ordinary && input.rarely(8)) return strange_number(input);
  if (member.is("k")) return (0.5 + input.below(64)) / 65 * static_cast<double>(classes);
  if (member.is("value")) return input.below(64) / 16.0 - 2.0;
  if (member.is("label_smoothing") || member.is("weight")) return input.below(5) / 5.0;
  if (member.is("coverage") || member.is("beta") || member.is("threshold_decay")) return input.below(8) / 8.0;
  if (std::isnan(by_default) && !input.rarely(2)) return by_default;
  const double factor = input.any_of(factors);
  return std::isnan(by_default) || by_default == 0.0 ? factor : by_default * factor;
}

int64_t some_integer(Input &input, const StructMember &member, int64_t by_default, int64_t classes, bool is_ordinary) {
  if (!is_ordinary && input.rarely(16)) return impossible_size(input);
  if (member.is("ignore_index")) return input.rarely(3) ? input.below(3) : by_default;
  if (member.is("n_samples")) return 1 + input.below(6);
  if (member.is("ties")) return static_cast<int64_t>(input.below(9)) - 1;
  if (member.is("k")) return 1 + input.below(static_cast<uint32_t>(std::clamp<int64_t>(classes - !input.rarely(4), 1, 60000)));
  // Strides: the caller's.
  return 0;
}

int32_t some_code(Input &input, const StructMember &member, bool is_ordinary) {
  static const int32_t strangers[] = {-1, 4, 100, INT32_MIN, INT32_MAX};
  if (!is_ordinary && input.rarely(32)) return input.any_of(strangers);
  // Quadratures take their time.
  if (member.is("estimator")) return input.rarely(4) ? TOPKLOSS_EXACT : TOPKLOSS_MONTE_CARLO;
  if (member.enumerators > 0) return static_cast<int32_t>(input.below(static_cast<uint32_t>(member.enumerators)));
  return input.rarely(4);
}

// By class: training examples, weights, priors; or of K, probabilities.
const double *some_vector(Input &input, Options &options, const StructMember &member, bool is_long, int64_t entries) {
  if (options.vectors == MOST_VECTORS) return nullptr;
  const bool is_probability = !is_long;
  if (!member.is("class_counts") && !input.rarely(2)) return nullptr;
  if (member.is("class_counts") && !options.is_ordinary && input.rarely(8)) return nullptr;
  const Arena &memory = arena(VECTORS + options.vectors++);
  const Arena::Piece piece = memory.piece(static_cast<size_t>(entries) * 8, !input.rarely(4), input.rarely(8) ? 4 : 0);
  const bool is_seeded = entries > 16 || input.rarely(4);
  Random random(is_seeded ? input.below(256) : 0);
  double sum = 0;
  for (int64_t i = 0; i < entries; i++) {
    const uint32_t drawn = is_seeded ? static_cast<uint32_t>(random.word() >> 56) : input.byte();
    double value = member.is("class_counts") ? 1.0 + drawn * (drawn < 64 ? 1 : 10) : 0.25 + drawn / 64.0;
    if (member.is("offset") || member.is("margin") || member.is("teacher") || member.is("class_values"))
      value = drawn / 64.0 - 2.0;
    if (!options.is_ordinary && !is_seeded && drawn >= 0xF0) value = strange_number(input);
    if (is_probability) {
      value = i + 1 == entries ? 1.0 - sum : 1.0 / static_cast<double>(entries);
      sum += value;
    }
    std::memcpy(piece.writable() + 8 * i, &value, sizeof value);
  }
  return reinterpret_cast<const double *>(piece.readable());
}

}  // namespace

int32_t Options::code(const char *name, int32_t otherwise) const {
  const StructMember *const member = member_named(*this, name);
  return member == nullptr ? otherwise : get<int32_t>(*member);
}

int64_t Options::integer(const char *name, int64_t otherwise) const {
  const StructMember *const member = member_named(*this, name);
  return member == nullptr ? otherwise : get<int64_t>(*member);
}

double Options::number(const char *name, double otherwise) const {
  const StructMember *const member = member_named(*this, name);
  return member == nullptr || member->kind != Kind::number ? otherwise : get<double>(*member);
}

bool Options::has(const char *name) const { return member_named(*this, name) != nullptr; }

const void *Options::place(int arena_index) const {
  if (is_null) return nullptr;
  const Arena::Piece piece = arena(arena_index).piece(size, true);
  std::memset(piece.writable(), 0, size);
  std::memcpy(piece.writable(), bytes, std::min(size, most_bytes));
  return piece.readable();
}

void draw_options(Input &input, const StructType &type, int64_t classes, bool is_ordinary, Options &options) {
  options.type = &type;
  options.vectors = 0;
  options.is_ordinary = is_ordinary;
  options.is_null = !is_ordinary && input.rarely(64);
  std::memset(options.bytes, 0, sizeof options.bytes);
  if (type.initialize(subject(), options.bytes, type.size) != TOPKLOSS_OK) {
    // A loss that an older library lacks.
    options.is_null = true;
    return;
  }
  const StructMember *length = nullptr;
  int64_t k = 1;
  for (int32_t i = 0; i < type.count; i++) {
    const StructMember &member = type.members[i];
    if (member.kind == Kind::classes) length = &member;
    if (member.kind == Kind::number)
      options.set(member, some_number(input, member, options.get<double>(member), classes, is_ordinary));
    if (member.kind == Kind::integer)
      options.set(member, some_integer(input, member, options.get<int64_t>(member), classes, is_ordinary));
    if (member.kind == Kind::word) options.set(member, input.word());
    if (member.kind == Kind::code) options.set(member, some_code(input, member, is_ordinary));
    if (member.is("k") && member.kind == Kind::integer) k = options.get<int64_t>(member);
    const bool is_by_class = length != nullptr || type.create == nullptr;
    options.length = is_by_class ? classes : k;
    if (member.kind == Kind::vector && options.length > 0 && options.length <= 4096)
      options.set(member, some_vector(input, options, member, is_by_class, options.length));
  }
  if (length != nullptr) options.set<int64_t>(*length, options.vectors > 0 ? classes : 0);
  options.size = type.size;
  if (!is_ordinary && length != nullptr && input.rarely(32)) options.set(*length, impossible_size(input));
  // A struct of another version, which ends where the caller's memory does.
  if (!is_ordinary && input.rarely(32)) {
    static const size_t sizes[] = {4096, 520, 4104, 65536, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96};
    options.size = input.any_of(sizes);
    if (input.rarely(4)) options.bytes[Options::most_bytes - 1] = 1;
  }
  std::memcpy(options.bytes, &options.size, sizeof options.size);
  if (options.is_null) type.initialize(subject(), options.bytes, type.size);
}

void move_options(Options &options, Random &random, double share) {
  // Towards 0, where every range ends that is bounded above.
  const auto moved = [&](double value) { return value * (1.0 - share * std::fabs(random.sign())); };
  for (int32_t i = 0; i < options.type->count; i++) {
    const StructMember &member = options.type->members[i];
    // What is rounded to a number of scores is no matter of rounding.
    if (member.kind == Kind::number && !member.is("k")) options.set(member, moved(options.get<double>(member)));
  }
}

double magnification(const Options &options) {
  double product = 1.0;
  for (int32_t i = 0; i < options.type->count; i++) {
    const StructMember &member = options.type->members[i];
    if (member.kind == Kind::number && !std::isnan(options.get<double>(member)))
      product *= std::max(1.0, std::fabs(options.get<double>(member)));
    const double *const vector = member.kind == Kind::vector ? options.get<const double *>(member) : nullptr;
    if (vector == nullptr || member.is("class_counts")) continue;
    double largest = 1.0;
    for (int64_t c = 0; c < options.length; c++) largest = std::max(largest, std::fabs(vector[c]));
    product *= largest;
  }
  return product;
}

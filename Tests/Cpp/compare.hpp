// A loss against its formula: a few rows, one of them ignored, evaluated with every reduction, in every element type.
// Gradients are compared with differences of the formula, so that a formula says nothing but the value.
#ifndef COMPARE_HPP
#define COMPARE_HPP

#include <array>
#include <cstring>
#include <functional>
#include <vector>

#include "check.hpp"

constexpr int rows = 4;
constexpr int classes = 5;
constexpr int samples = 3;
constexpr int ignored_row = 1;
constexpr std::int64_t ignored_label = -7;

using Row = std::array<double, classes>;
using Scores = std::array<Row, rows>;
using RowLosses = std::array<double, rows>;

// Multiples of 1/16 below 4 in size: exact in every element type. Nothing is equal in a row.
inline const Scores logits = {{{0.5, -0.25, 1.125, 0.75, -1.5},
                               {0.25, 0.375, -2.0, 1.125, 0.0},
                               {2.25, -0.875, 0.4375, 3.5, -0.0625},
                               {1.5, 0.8125, -1.25, -0.375, 2.5}}};
inline const Scores multi_label_logits = {{{1.5, -2.25, 0.375, -0.75, 2.25},
                                           {0.5, -0.5, 0.75, 2.0, -1.0},
                                           {3.25, -1.875, 0.875, 1.25, -0.5},
                                           {-2.5, 3.5, -1.125, -0.25, 0.6875}}};
inline const std::vector<std::int32_t> labels = {3, static_cast<std::int32_t>(ignored_label), 1, 4};
inline const std::vector<double> counts = {500, 100, 20, 4, 60};
inline const std::vector<double> weights = {0.5, 1.0, 3.0, 1.5, 2.0};
inline const std::vector<double> sample_weight = {1.0, 4.0, 2.0, 0.75};
inline const std::vector<double> row_upstream = {0.5, 3.0, -1.0, 1.25};

inline std::size_t label_of(int row) { return static_cast<std::size_t>(labels[static_cast<std::size_t>(row)]); }

struct Case {
  std::string name;
  std::function<topkloss::Loss(topkloss::Reduction)> make;
  // Row losses without sample weights; the ignored row's is not looked at.
  std::function<RowLosses(const Scores &z, const Scores &g)> formula;
  // Empty: 1.
  std::vector<double> class_weight = {};
  // B x S x C, or empty.
  std::vector<double> noise = {};
  // Knows neither labels nor reductions: every row counts, for its own sake.
  bool is_operator = false;
  double threshold_before = 0.0;
  double threshold_after = 0.0;
};

inline bool counts_row(const Case &item, int row) { return item.is_operator || row != ignored_row; }

// sum_i f_i v_i l_i: what a gradient is of, with the right factors f.
inline double combined(const Case &item, const RowLosses &factors, const Scores &z, const Scores &g) {
  const RowLosses losses = item.formula(z, g);
  double sum = 0.0;
  for (int row = 0; row < rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (counts_row(item, row)) sum += factors[i] * sample_weight[i] * losses[i];
  }
  return sum;
}

// Central differences over five points, whose error is of the fourth order.
inline double slope(const Case &item, const RowLosses &factors, bool of_multi_label, std::size_t row, std::size_t j) {
  constexpr double step = 2e-4;
  const auto at = [&](double steps) {
    Scores z = logits;
    Scores g = multi_label_logits;
    (of_multi_label ? g : z)[row][j] += steps * step;
    return combined(item, factors, z, g);
  };
  return (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * step);
}

// Numbers as a batch has them. 16-bit types are stored as bits, of numbers that they hold exactly.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

template <>
struct topkloss::ElementOf<Float16> {
  static constexpr Element value = Element::float16;
};
template <>
struct topkloss::ElementOf<BFloat16> {
  static constexpr Element value = Element::bfloat16;
};

inline void store(double number, double &stored) { stored = number; }
inline void store(double number, float &stored) { stored = static_cast<float>(number); }

inline void store(double number, BFloat16 &stored) {
  const auto narrow = static_cast<float>(number);
  std::uint32_t bits;
  std::memcpy(&bits, &narrow, sizeof bits);
  stored.bits = static_cast<std::uint16_t>(bits >> 16);
}

inline void store(double number, Float16 &stored) {
  int exponent = 0;
  const double fraction = std::frexp(std::abs(number), &exponent);
  const auto sign = static_cast<unsigned>(number < 0.0 ? 0x8000 : 0);
  const auto biased = static_cast<unsigned>(exponent + 14) << 10;
  const auto mantissa = static_cast<unsigned>(std::lround((fraction * 2.0 - 1.0) * 1024.0));
  stored.bits = static_cast<std::uint16_t>(number == 0.0 ? 0U : sign | (biased + mantissa));
}

inline double load(double stored) { return stored; }
inline double load(float stored) { return static_cast<double>(stored); }

inline double load(BFloat16 stored) {
  const std::uint32_t bits = static_cast<std::uint32_t>(stored.bits) << 16;
  float number;
  std::memcpy(&number, &bits, sizeof number);
  return static_cast<double>(number);
}

inline double load(Float16 stored) {
  const int exponent = stored.bits >> 10 & 31;
  const double mantissa = (stored.bits & 1023) / 1024.0;
  const double size = exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1.0 + mantissa, exponent - 15);
  return (stored.bits & 0x8000) == 0 ? size : -size;
}

// What is expected of an element type: of values, of row values and of gradients.
struct Tolerances {
  double value;
  double row_value;
  double gradient;
};

template <class T>
constexpr Tolerances tolerances() {
  // The noise and the steepest members of a family cost differences some digits.
  if (std::is_same_v<T, double>) return {1e-12, 1e-12, 2e-9};
  if (std::is_same_v<T, float>) return {3e-6, 3e-6, 3e-5};
  return std::is_same_v<T, Float16> ? Tolerances{3e-6, 1e-3, 2e-3} : Tolerances{3e-6, 8e-3, 1e-2};
}

// Rows further apart than they are long, to see that strides arrive.
template <class T>
std::vector<T> spread(const Scores &scores, std::size_t stride) {
  std::vector<T> stored(rows * stride);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t j = 0; j < classes; ++j) store(scores[row][j], stored[row * stride + j]);
  return stored;
}

template <class T>
void expect_gradient(const Case &item, const RowLosses &factors, bool of_multi_label, const std::vector<T> &found,
                     std::size_t stride) {
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t j = 0; j < classes; ++j)
      CHECK_CLOSE(load(found[row * stride + j]), slope(item, factors, of_multi_label, row, j),
                  tolerances<T>().gradient, item.name + ", gradient");
}

template <class T>
void compare_with(const Case &item, topkloss::Reduction reduction) {
  using Noise = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const bool each_row = item.is_operator || reduction == topkloss::Reduction::none;
  const topkloss::Loss loss = item.make(reduction);
  const std::vector<T> z = spread<T>(logits, classes + 2);
  const std::vector<T> g = spread<T>(multi_label_logits, classes + 1);
  const std::vector<Noise> noise(item.noise.begin(), item.noise.end());
  std::vector<T> gradient(rows * (classes + 3));
  std::vector<T> multi_label_gradient(rows * classes);
  std::vector<T> row_values(rows);

  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(z.data(), rows, classes, classes + 2);
  if (!item.is_operator) batch.labels = labels;
  batch.sample_weight = sample_weight;
  batch.upstream = each_row ? topkloss::Span<const double>(row_upstream) : topkloss::Span(row_upstream.data() + 3, 1);
  if (!noise.empty()) batch.noise = topkloss::Noise(noise.data());
  batch.multi_label_logits = topkloss::ConstMatrix(g.data(), rows, classes, classes + 1);
  topkloss::Output output;
  output.gradient = topkloss::Matrix(gradient.data(), rows, classes, classes + 3);
  output.multi_label_gradient = topkloss::Matrix(multi_label_gradient.data(), rows, classes);
  output.row_values = row_values;
  output.threshold = item.threshold_before;
  const topkloss::Evaluation found = loss.evaluate(batch, output);

  const RowLosses losses = item.formula(logits, multi_label_logits);
  RowLosses factors = {};
  double value = 0.0;
  double total_weight = 0.0;
  for (int row = 0; row < rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    const double expected = counts_row(item, row) ? sample_weight[i] * losses[i] : 0.0;
    CHECK_CLOSE(load(row_values[i]), expected, tolerances<T>().row_value, item.name + ", row value");
    value += expected;
    factors[i] = each_row ? row_upstream[i] : row_upstream[3];
    if (counts_row(item, row))
      total_weight += sample_weight[i] * (item.class_weight.empty() ? 1.0 : item.class_weight[label_of(row)]);
  }
  if (!item.is_operator && reduction == topkloss::Reduction::mean) {
    value /= total_weight;
    for (double &factor : factors) factor /= total_weight;
  }
  CHECK_CLOSE(found.value, value, tolerances<T>().value, item.name + ", value");
  if (!item.is_operator) CHECK_CLOSE(found.total_weight, total_weight, 1e-12, item.name + ", total weight");
  CHECK_CLOSE(found.threshold, item.threshold_after, tolerances<T>().value, item.name + ", threshold");
  expect_gradient(item, factors, false, gradient, classes + 3);
  expect_gradient(item, factors, true, multi_label_gradient, classes);
}

inline void compare(const Case &item) {
  for (const auto reduction : {topkloss::Reduction::mean, topkloss::Reduction::sum, topkloss::Reduction::none}) {
    compare_with<double>(item, reduction);
    compare_with<float>(item, reduction);
    compare_with<Float16>(item, reduction);
    compare_with<BFloat16>(item, reduction);
  }
}

#endif  // COMPARE_HPP

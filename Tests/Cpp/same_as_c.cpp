// A loss made of C++ options gives the bits that C's options of the same values give: with no member at its default, in
// every element type, reduction and mode, with gaps between the rows of every matrix; and with rows in groups, class by
// class, as images lie.
#include <cstring>

#include "options.hpp"

namespace {

constexpr std::size_t rows = 7;
constexpr std::size_t classes = 5;
constexpr std::size_t samples = 6;

const std::vector<double> counts = {500, 100, 20, 4, 60};
const std::vector<std::int32_t> labels = {3, -7, 1, 4, 0, 2, 2};
const std::vector<double> sample_weight = {1.0, 4.0, 2.0, 0.75, 0.5, 1.5, 3.0};
const std::vector<double> upstream = {0.5, 3.0, -1.0, 1.25, 2.0, 0.25, -0.5};

// 16-bit types are bits.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

}  // namespace

template <>
struct topkloss::ElementOf<Float16> {
  static constexpr Element value = Element::float16;
};
template <>
struct topkloss::ElementOf<BFloat16> {
  static constexpr Element value = Element::bfloat16;
};

namespace {

std::uint32_t next_random() {
  static std::uint32_t state = 1;
  return (state = state * 1664525U + 1013904223U) >> 8;
}

void fill(double &number) { number = next_random() / 4194304.0 - 2.0; }
void fill(float &number) { number = static_cast<float>(next_random()) / 4194304.0F - 2.0F; }
// Between 1 and 2 and, in the other type, between 1 and 4.
void fill(Float16 &number) { number.bits = static_cast<std::uint16_t>(0x3C00U + next_random() % 0x400U); }
void fill(BFloat16 &number) { number.bits = static_cast<std::uint16_t>(0x3F80U + next_random() % 0x100U); }

template <class T>
std::vector<T> random_numbers(std::size_t count) {
  std::vector<T> numbers(count);
  for (T &number : numbers) fill(number);
  return numbers;
}

// What an evaluation writes. Strides: C + 3 and C + 1.
template <class T>
struct Buffers {
  std::vector<T> gradient = std::vector<T>(rows * (classes + 3));
  std::vector<T> multi_label_gradient = std::vector<T>(rows * (classes + 1));
  std::vector<T> row_values = std::vector<T>(rows);
  double numbers[3] = {0.0, 0.0, 0.25};
};

template <class T>
bool same_bits(const std::vector<T> &a, const std::vector<T> &b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Rows with a gap between them; or class by class, in a group.
topkloss::Strides strides_of(bool is_image, std::size_t row_stride) {
  return is_image ? topkloss::Strides{1, rows + 1, rows, 1} : topkloss::Strides{std::int64_t(row_stride), 0, 0, 0};
}

template <class T>
void compare(const std::string &name, const topkloss::Loss &loss, const topkloss_loss *handle, bool each_row,
             bool has_noise, bool is_image = false) {
  using NoiseType = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto z = random_numbers<T>(rows * (classes + 2));
  const auto g = random_numbers<T>(rows * (classes + 4));
  const auto noise = random_numbers<NoiseType>(rows * samples * (classes + 1) + rows);
  Buffers<T> cpp;
  Buffers<T> c;

  topkloss::Batch batch;
  const topkloss::Strides of_z = strides_of(is_image, classes + 2);
  const topkloss::Strides of_g = strides_of(is_image, classes + 4);
  const topkloss::Strides of_gradient = strides_of(is_image, classes + 3);
  const topkloss::Strides of_g_gradient = strides_of(is_image, classes + 1);
  batch.logits = topkloss::ConstMatrix(z.data(), rows, classes, of_z);
  batch.labels = labels;
  batch.sample_weight = sample_weight;
  batch.upstream = topkloss::Span<const double>(upstream.data(), each_row ? rows : 1);
  batch.multi_label_logits = topkloss::ConstMatrix(g.data(), rows, classes, of_g);
  if (has_noise) batch.noise = topkloss::Noise(noise.data(), samples * (classes + 1) + 1, classes + 1);
  batch.step = 9;
  batch.first_row = 100;
  topkloss::Output output;
  output.gradient = topkloss::Matrix(cpp.gradient.data(), rows, classes, of_gradient);
  output.multi_label_gradient = topkloss::Matrix(cpp.multi_label_gradient.data(), rows, classes, of_g_gradient);
  output.row_values = cpp.row_values;
  output.threshold = 0.25;
  const topkloss::Evaluation found = loss.evaluate(batch, output);
  cpp.numbers[0] = found.value;
  cpp.numbers[1] = found.total_weight;
  cpp.numbers[2] = found.threshold;

  topkloss_batch plain;
  topkloss_result result;
  topkloss::detail::check(topkloss_batch_init(&plain, sizeof plain));
  topkloss::detail::check(topkloss_result_init(&result, sizeof result));
  plain.rows = rows;
  plain.classes = classes;
  plain.dtype = static_cast<topkloss_dtype>(topkloss::ElementOf<T>::value);
  plain.label_type = TOPKLOSS_INT32;
  plain.logits = z.data();
  plain.rows_per_group = of_z.rows_per_group;
  plain.logits_row_stride = of_z.row;
  plain.logits_class_stride = of_z.classes;
  plain.logits_group_stride = of_z.group;
  plain.labels = labels.data();
  plain.sample_weight = sample_weight.data();
  plain.upstream = upstream.data();
  plain.noise = has_noise ? noise.data() : nullptr;
  plain.noise_row_stride = samples * (classes + 1) + 1;
  plain.noise_sample_stride = classes + 1;
  plain.step = 9;
  plain.first_row = 100;
  plain.multi_label_logits = g.data();
  plain.multi_label_row_stride = of_g.row;
  plain.multi_label_class_stride = of_g.classes;
  plain.multi_label_group_stride = of_g.group;
  result.row_values = c.row_values.data();
  result.gradient = c.gradient.data();
  result.gradient_row_stride = of_gradient.row;
  result.gradient_class_stride = of_gradient.classes;
  result.gradient_group_stride = of_gradient.group;
  result.multi_label_gradient = c.multi_label_gradient.data();
  result.multi_label_gradient_row_stride = of_g_gradient.row;
  result.multi_label_gradient_class_stride = of_g_gradient.classes;
  result.multi_label_gradient_group_stride = of_g_gradient.group;
  result.threshold = 0.25;
  topkloss::detail::check(topkloss_evaluate(handle, &plain, &result));
  c.numbers[0] = result.value;
  c.numbers[1] = result.total_weight;
  c.numbers[2] = result.threshold;

  CHECK(std::memcmp(cpp.numbers, c.numbers, sizeof c.numbers) == 0, name + ": another value");
  CHECK(same_bits(cpp.gradient, c.gradient), name + ": another gradient");
  CHECK(same_bits(cpp.multi_label_gradient, c.multi_label_gradient), name + ": another multi-label gradient");
  CHECK(same_bits(cpp.row_values, c.row_values), name + ": other row values");
}

// Soft labels, in a layout of their own; losses that take none refuse them in C++ as in C.
void compare_soft_labels(const std::string &name, const topkloss::Loss &loss, const topkloss_loss *handle) {
  const auto z = random_numbers<float>(rows * classes);
  auto q = random_numbers<float>(rows * (classes + 3));
  for (float &share : q) share = share < 0 ? -share : share;
  const topkloss::Strides of_q = strides_of(true, 0);
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(z.data(), rows, classes, topkloss::Strides{0, 0, rows, 0});
  batch.soft_labels = topkloss::ConstMatrix(q.data(), rows, classes, of_q);
  batch.multi_label_logits = batch.logits;
  topkloss_status found_status = TOPKLOSS_OK;
  double found = 0.0;
  try {
    found = loss.evaluate(batch).value;
  } catch (const topkloss::Error &error) {
    found_status = error.status();
  }
  topkloss_batch plain;
  topkloss_result result;
  topkloss::detail::check(topkloss_batch_init(&plain, sizeof plain));
  topkloss::detail::check(topkloss_result_init(&result, sizeof result));
  plain.rows = rows;
  plain.classes = classes;
  plain.rows_per_group = rows;
  plain.logits = plain.multi_label_logits = z.data();
  plain.soft_labels = q.data();
  plain.soft_labels_row_stride = of_q.row;
  plain.soft_labels_class_stride = of_q.classes;
  plain.soft_labels_group_stride = of_q.group;
  const topkloss_status status = topkloss_evaluate(handle, &plain, &result);
  CHECK(status == found_status && (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_OPTION), name + ": soft labels");
  if (status == TOPKLOSS_OK)
    CHECK(std::memcmp(&found, &result.value, sizeof found) == 0, name + ": soft labels, another value");
  batch.soft_labels = topkloss::ConstMatrix(q.data(), rows, classes);
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "soft_labels", [&] { loss.evaluate(batch); });
}

// check_finite, which finite numbers do not show.
void expect_check(const topkloss::Loss &loss) {
  const std::vector<float> bad(rows * classes, NAN);
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(bad.data(), rows, classes);
  batch.multi_label_logits = batch.logits;
  batch.labels = labels;
  expect_error(__LINE__, TOPKLOSS_ERROR_NOT_FINITE, "logits[0, 0]", [&] { loss.evaluate(batch); });
}

template <class Named>
void compare_loss() {
  Named::compare_defaults();
  for (std::int32_t mode = 0; mode == 0 || mode < Named::modes(); ++mode)
    for (topkloss_reduction reduction = TOPKLOSS_MEAN; reduction <= TOPKLOSS_NONE; ++reduction) {
      const Choice choice{counts, reduction, mode, true};
      const std::string name = Named::name + (" " + std::to_string(mode));
      const bool is_operator = std::is_same_v<typename Named::Loss, topkloss::NoisedTopKOperator>;
      const bool draws_noise = name == "noised_topk 0" || name == "noised_topk_operator 0";
      const bool each_row = is_operator || reduction == TOPKLOSS_NONE;
      const typename Named::Loss loss(Named::cpp_options(choice));
      topkloss_loss *const handle = Named::c_loss(choice);
      expect_check(loss);
      compare<double>(name, loss, handle, each_row, draws_noise);
      compare<float>(name, loss, handle, each_row, draws_noise);
      compare<float>(name, loss, handle, each_row, false);
      compare<Float16>(name, loss, handle, each_row, draws_noise);
      compare<BFloat16>(name, loss, handle, each_row, false);
      compare<float>(name, loss, handle, each_row, draws_noise, true);
      compare<Float16>(name, loss, handle, each_row, draws_noise, true);
      compare_soft_labels(name, loss, handle);
      topkloss_loss_destroy(handle);
    }
}

}  // namespace

int main() {
#define COMPARE_LOSS(loss, Class, Options) compare_loss<Named_##loss>();
  TOPKLOSS_LOSSES(COMPARE_LOSS)
  return check_summary();
}

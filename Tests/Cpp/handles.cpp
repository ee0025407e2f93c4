// Handles, defaults, views and errors.
#include <array>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<topkloss::Loss> && !std::is_copy_assignable_v<topkloss::FocalLoss>);
static_assert(std::is_nothrow_move_constructible_v<topkloss::LogitAdjustedLoss>);
static_assert(std::is_nothrow_move_assignable_v<topkloss::Loss>);
static_assert(std::is_base_of_v<std::runtime_error, topkloss::Error>);
// Views do not let go of const, and take no type whose elements they do not know.
static_assert(std::is_constructible_v<topkloss::ConstMatrix, const float *, int, int>);
static_assert(!std::is_constructible_v<topkloss::Matrix, const float *, int, int>);
static_assert(!std::is_constructible_v<topkloss::ConstMatrix, const int *, int, int>);
static_assert(!std::is_constructible_v<topkloss::Span<double>, const std::vector<double> &>);
static_assert(!std::is_constructible_v<topkloss::Span<const double>, const std::vector<float> &>);
static_assert(!std::is_constructible_v<topkloss::Values, const std::vector<float> &>);
static_assert(!std::is_constructible_v<topkloss::Labels, const std::vector<float> &>);
static_assert(!std::is_constructible_v<topkloss::Labels, const float (&)[2]>);
static_assert(!std::is_constructible_v<topkloss::Labels, const unsigned (&)[2]>);
static_assert(!std::is_constructible_v<topkloss::Values, const float (&)[2]>);
static_assert(!std::is_constructible_v<topkloss::Labels, const std::vector<unsigned> &>);
static_assert(std::is_convertible_v<topkloss::Matrix, topkloss::ConstMatrix>);

const std::vector<float> logits = {1, 2, 3, 3, 2, 1};
const std::vector<std::int64_t> labels = {2, 1};
const topkloss::ConstMatrix matrix(logits.data(), 2, 3);

void moves() {
  topkloss::CrossEntropyLoss first;
  const topkloss_loss *const handle = first.get();
  CHECK(first && handle != nullptr, "a new loss has a handle");
  topkloss::CrossEntropyLoss second(std::move(first));
  CHECK(!first && first.get() == nullptr, "moved from is empty");  // NOLINT: what is left is what is tested
  CHECK(second.get() == handle, "the handle moved");
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "loss", [&] { (void)first.value(matrix, labels); });

  // Any loss into a Loss, over another one, and over itself.
  topkloss::Loss any = topkloss::FocalLoss();
  any = std::move(second);
  CHECK(any.get() == handle && !second, "the handle moved on");
  topkloss::Loss &same = any;
  any = std::move(same);
  CHECK(any.get() == handle, "moved onto itself");
  CHECK_CLOSE(any.value(matrix, labels), std::log(1 + std::exp(-1) + std::exp(-2)) + 0.5, 1e-6, "still works");

  // How many numbers the upstream has goes with the handle.
  topkloss::FocalOptions each_row;
  each_row.reduction = topkloss::Reduction::none;
  topkloss::Loss over = topkloss::FocalLoss();
  const std::vector<double> one = {1};
  const std::vector<double> two = {1, 1};
  topkloss::Batch batch;
  batch.logits = matrix;
  batch.labels = labels;
  batch.upstream = one;
  over.evaluate(batch);
  over = topkloss::FocalLoss(each_row);
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "upstream has 1", [&] { over.evaluate(batch); });
  batch.upstream = two;
  over.evaluate(batch);
  over = topkloss::FocalLoss();
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "upstream has 2", [&] { over.evaluate(batch); });

  const topkloss::Loss adopted(any.release());
  CHECK(!any && adopted.get() == handle, "given away and taken over");
  CHECK(!topkloss::Loss(), "a default loss is empty");
}

// What the library says arrives, with its status.
void errors_of_the_library() {
  const std::vector<std::int64_t> wrong = {2, 7};
  expect_error(__LINE__, TOPKLOSS_ERROR_LABEL, "7", [&] { (void)topkloss::CrossEntropyLoss().value(matrix, wrong); });
  topkloss::LogitAdjustedOptions none;
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "classes", [&] { topkloss::LogitAdjustedLoss loss(none); });
  const std::vector<double> zero = {5, 0, 1};
  none.class_counts = zero;
  expect_error(__LINE__, TOPKLOSS_ERROR_CLASS_COUNT, "class_counts[1]",
               [&] { topkloss::LogitAdjustedLoss loss(none); });
  expect_error(__LINE__, TOPKLOSS_ERROR_OPTION, "k", [] { topkloss::TopKHingeLoss loss{topkloss::TopKHingeOptions()}; });
  expect_error(__LINE__, TOPKLOSS_ERROR_CLASS_COUNT, "class_counts[1]",
               [&] { (void)topkloss::inverse_frequency(zero); });
  try {
    (void)topkloss::CrossEntropyLoss().value(matrix, wrong);
  } catch (const topkloss::Error &error) {
    CHECK(error.status_name() == std::string("TOPKLOSS_ERROR_LABEL"), error.status_name());
    CHECK(error.what() == std::string(topkloss_last_error()), error.what());
  }
}

// Options that change what is allowed.
void allowances() {
  const std::vector<float> bad = {1, 2, 3, NAN, 2, 1};
  const topkloss::ConstMatrix bad_matrix(bad.data(), 2, 3);
  topkloss::FocalOptions focal;
  CHECK(std::isnan(topkloss::FocalLoss(focal).value(bad_matrix, labels)), "a NaN makes its row's value NaN");
  focal.check_finite = true;
  expect_error(__LINE__, TOPKLOSS_ERROR_NOT_FINITE, "logits[1, 0]",
               [&] { (void)topkloss::FocalLoss(focal).value(bad_matrix, labels); });
  topkloss::NoisedTopKOperatorOptions rank;
  rank.k = 1;
  rank.check_finite = true;
  expect_error(__LINE__, TOPKLOSS_ERROR_NOT_FINITE, "logits[1, 0]",
               [&] { (void)topkloss::NoisedTopKOperator(rank).value(bad_matrix, {}); });

  const std::vector<double> zero = {5, 0, 1};
  topkloss::OutlyingMSEOptions mse;
  mse.class_counts = zero;
  expect_error(__LINE__, TOPKLOSS_ERROR_CLASS_COUNT, "class_counts[1]", [&] { topkloss::OutlyingMSELoss loss(mse); });
  mse.count_smoothing = 1.0;
  CHECK(topkloss::OutlyingMSELoss(mse).classes() == 3, "no count is zero once smoothed");
}

// What the library cannot see, because it gets pointers: views of other lengths than the batch.
void errors_of_views() {
  const topkloss::CrossEntropyLoss loss;
  std::vector<float> room(6);
  std::vector<double> other(6);
  const std::vector<double> one = {1};
  const auto refused = [&](int line, topkloss_status status, const char *words, auto change) {
    topkloss::Batch batch;
    topkloss::Output output;
    batch.logits = matrix;
    batch.labels = labels;
    change(batch, output);
    expect_error(line, status, words, [&] { loss.evaluate(batch, output); });
  };
  using topkloss::Batch, topkloss::Output, topkloss::Matrix, topkloss::Span;
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "labels has 1 entries for 2 rows",
          [&](Batch &batch, Output &) { batch.labels = topkloss::Labels(labels.data(), 1); });
  refused(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "labels", [&](Batch &batch, Output &) { batch.labels = {}; });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "sample_weight has 1",
          [&](Batch &batch, Output &) { batch.sample_weight = one; });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "upstream has 6", [&](Batch &batch, Output &) { batch.upstream = other; });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "gradient is 1 x 3, logits 2 x 3",
          [&](Batch &, Output &output) { output.gradient = Matrix(room.data(), 1, 3); });
  refused(__LINE__, TOPKLOSS_ERROR_ENUMERATOR, "gradient has another element type",
          [&](Batch &, Output &output) { output.gradient = Matrix(other.data(), 2, 3); });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "row_values has 6", [&](Batch &, Output &output) { output.row_values = room; });
  refused(__LINE__, TOPKLOSS_ERROR_ENUMERATOR, "row_values has another",
          [&](Batch &, Output &output) { output.row_values = topkloss::Values(other.data(), 2); });
  refused(__LINE__, TOPKLOSS_ERROR_ENUMERATOR, "noise is double",
          [&](Batch &batch, Output &) { batch.noise = topkloss::Noise(other.data()); });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "multi_label_logits is 3 x 2", [&](Batch &batch, Output &) {
    batch.multi_label_logits = Matrix(room.data(), 3, 2);
  });
  refused(__LINE__, TOPKLOSS_ERROR_SIZE, "multi_label_gradient is", [&](Batch &, Output &output) {
    output.multi_label_gradient = Matrix(room.data(), 3, 2);
  });

  // One number a row for the reduction none, in a handle that has moved, too; one is too few.
  topkloss::FocalOptions options;
  options.reduction = topkloss::Reduction::none;
  const topkloss::Loss rows_of_their_own = topkloss::FocalLoss(options);
  topkloss::Batch batch;
  batch.logits = matrix;
  batch.labels = labels;
  batch.upstream = one;
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "upstream has 1", [&] { rows_of_their_own.evaluate(batch); });

  const std::vector<double> three = {3, 2, 1};
  topkloss::MarginSoftmaxOptions vectors;
  vectors.offset = three;
  vectors.margin = one;
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "margin has 1 entries, offset 3",
               [&] { topkloss::MarginSoftmaxLoss refused_loss(vectors); });
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "noise has 6 entries for 9223372036854775807",
               [&] { topkloss::standard_normal(0, 0, 0, INT64_MAX, 3, 5, room); });
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "weights has 1",
               [&] { topkloss::inverse_frequency(three, Span<double>(other.data(), 1)); });
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "indptr has 2", [&] {
    std::vector<std::int64_t> indptr(2);
    topkloss::predict_sets({}, matrix, indptr, {});
  });
}

void views() {
  std::array<double, 3> numbers = {1, 2, 3};
  double plain[2] = {4, 5};
  double sum = 0.0;
  for (const double number : topkloss::Span<const double>(numbers)) sum += number;
  for (const double number : topkloss::Span<double>(plain)) sum += number;
  CHECK_CLOSE(sum, 15.0, 0.0, "views of arrays");
  CHECK(topkloss::Span<const double>(numbers)[2] > 2.5 && topkloss::Span<double>().empty(), "a view's entries");
  const std::int32_t classes[2] = {2, 1};
  const topkloss::Labels label_view(classes);
  CHECK(label_view.data() == classes && label_view.size() == 2 && label_view.type() == TOPKLOSS_INT32, "labels");
  CHECK_CLOSE(topkloss::CrossEntropyLoss().value(matrix, classes),
              topkloss::CrossEntropyLoss().value(matrix, labels), 0.0, "labels in an array");
  const topkloss::Values values(plain);
  CHECK(values.data() == plain && values.size() == 2 && values.element() == topkloss::Element::float64, "values");
  const topkloss::Matrix matrix_view(numbers.data(), 1, 3, 4);
  CHECK(matrix_view.rows() == 1 && matrix_view.classes() == 3 && matrix_view.row_stride() == 4, "a matrix's size");
  CHECK(matrix_view.element() == topkloss::Element::float64 && matrix_view.data() == numbers.data(), "its elements");
}

// In place, from the last row to the first: a negative stride.
void value_and_gradient() {
  std::vector<float> in_place = logits;
  const topkloss::Matrix backwards(in_place.data() + 3, 2, 3, -3);
  const std::vector<std::int32_t> swapped = {1, 2};
  const double value = topkloss::CrossEntropyLoss().value_and_gradient(backwards, swapped, backwards);
  CHECK_CLOSE(value, topkloss::CrossEntropyLoss().value(matrix, labels), 1e-7, "rows in another order");
  const double all = std::exp(1) + std::exp(2) + std::exp(3);
  CHECK_CLOSE(static_cast<double>(in_place[0]), std::exp(1) / all / 2, 1e-6, "the gradient of the first logit");
}

}  // namespace

int main() {
  moves();
  errors_of_the_library();
  allowances();
  errors_of_views();
  views();
  value_and_gradient();
  return check_summary();
}

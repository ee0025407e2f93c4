// Views of nothing: an empty one is none, wherever it points; one with a size and no pointer is an error.
#include <vector>

#include "options.hpp"

namespace {

const std::vector<float> logits = {1, 2, 3, 3, 2, 1};
const std::vector<std::int64_t> labels = {2, 1};
const topkloss::ConstMatrix matrix(logits.data(), 2, 3);
const std::vector<double> counts = {50, 20, 5};

// A vector that was cleared: no entries, but a pointer, to numbers that change every result.
template <class T>
std::vector<T> cleared(std::vector<T> numbers = {3, 11, 29}) {
  numbers.clear();
  return numbers;
}

// Options with a vector that was cleared make the same loss as those without it, and one with a size but no pointer is
// refused by its name: of every loss that is one without the vector too.
template <class Named, class Member>
void optional_vector(const char *name, Member member) {
  Choice choice{counts};
  auto options = Named::cpp_options(choice);
  options.*member = topkloss::Span<const double>();
  double expected = 0.0;
  try {
    expected = typename Named::Loss(options).value(matrix, labels);
  } catch (const topkloss::Error &error) {
    CHECK(error.status() == TOPKLOSS_ERROR_NULL_POINTER || std::string(name) == "class_counts", error.what());
    return;
  }
  const std::vector<double> empty = cleared<double>();
  options.*member = empty;
  const double found = typename Named::Loss(options).value(matrix, labels);
  CHECK(!(found < expected) && !(expected < found), std::string(Named::name) + ": " + name);
  // Its length would be the number of classes, which other vectors may have said.
  options.*member = topkloss::Span<const double>(nullptr, 3);
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, name, [&] { typename Named::Loss loss(options); });
}

#define SKIP_VECTOR(loss, member)
#define OPTIONAL_NUMBER SKIP_VECTOR
#define OPTIONAL_INTEGER SKIP_VECTOR
#define OPTIONAL_WORD SKIP_VECTOR
#define OPTIONAL_CODE SKIP_VECTOR
#define OPTIONAL_CLASSES SKIP_VECTOR
#define OPTIONAL_VECTOR(loss, member) optional_vector<Named_##loss>(#member, &Named_##loss::Cpp::member);
#define OPTIONAL_MEMBER(loss, member, kind, enumerators) OPTIONAL_##kind(loss, member)
#define OPTIONAL_VECTORS(loss, Class, Options) TOPKLOSS_OPTIONS_##loss(OPTIONAL_MEMBER)

void options_of_losses() { TOPKLOSS_LOSSES(OPTIONAL_VECTORS) }

// Vectors that must be there are not there when they were cleared.
void required_vectors() {
  const std::vector<double> empty = cleared<double>();
  topkloss::LogitAdjustedOptions adjusted;
  adjusted.class_counts = empty;
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "classes", [&] { topkloss::LogitAdjustedLoss loss(adjusted); });
  adjusted.class_weight = counts;
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "class_counts",
               [&] { topkloss::LogitAdjustedLoss loss(adjusted); });
  topkloss::ShotAccuracyOptions shots;
  shots.class_counts = topkloss::Span<const double>(nullptr, 3);
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "class_counts",
               [&] { (void)topkloss::shot_accuracy(matrix, labels, shots); });
  topkloss::LogitAdjustOptions adjust;
  adjust.class_counts = topkloss::Span<const double>(nullptr, 3);
  std::vector<float> room(6);
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "class_counts",
               [&] { topkloss::logit_adjust(matrix, adjust, topkloss::Matrix(room.data(), 2, 3)); });
}

void members_of_a_batch() {
  const std::vector<double> no_numbers = cleared<double>();
  std::vector<float> no_values = cleared<float>();
  const std::vector<std::int64_t> no_labels = cleared<std::int64_t>();
  topkloss::FocalOptions each_row;
  each_row.reduction = topkloss::Reduction::none;
  const topkloss::Loss mean = topkloss::FocalLoss();
  const topkloss::Loss none = topkloss::FocalLoss(each_row);
  const topkloss::Loss adopted(topkloss::FocalLoss().release());
  for (const topkloss::Loss *loss : {&mean, &none, &adopted}) {
    std::vector<float> expected(6);
    std::vector<float> found(6);
    topkloss::Batch batch;
    topkloss::Output output;
    batch.logits = matrix;
    batch.labels = labels;
    output.gradient = topkloss::Matrix(expected.data(), 2, 3);
    const double value = loss->evaluate(batch, output).value;
    output.gradient = topkloss::Matrix(found.data(), 2, 3);
    batch.sample_weight = no_numbers;
    batch.upstream = no_numbers;
    output.row_values = no_values;
    try {
      CHECK(loss->evaluate(batch, output).value == value && found == expected, "empty is none");
    } catch (const topkloss::Error &error) {
      CHECK(false, error.what());
    }
    batch.labels = no_labels;
    expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "labels", [&] { loss->evaluate(batch, output); });
  }
}

// A batch of no rows has no labels either, and no gradient.
void no_rows() {
  const std::vector<std::int64_t> no_labels = cleared<std::int64_t>();
  std::vector<float> no_scores = cleared<float>();
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(no_scores.data(), 0, 3);
  batch.labels = no_labels;
  topkloss::Output output;
  output.gradient = topkloss::Matrix(static_cast<float *>(nullptr), 0, 3);
  try {
    CHECK_CLOSE(topkloss::FocalLoss().evaluate(batch, output).total_weight, 0.0, 0.0, "no rows");
    CHECK_CLOSE(topkloss::topk_accuracy(batch.logits, no_labels), 0.0, 0.0, "no rows");
  } catch (const topkloss::Error &error) {
    CHECK(false, error.what());
  }
}

void null_pointers() {
  const topkloss::CrossEntropyLoss loss;
  float *const null = nullptr;
  const auto refused = [&](int line, const char *name, auto change) {
    topkloss::Batch batch;
    topkloss::Output output;
    batch.logits = matrix;
    batch.labels = labels;
    change(batch, output);
    expect_error(line, TOPKLOSS_ERROR_NULL_POINTER, name, [&] { loss.evaluate(batch, output); });
  };
  using topkloss::Batch, topkloss::Output, topkloss::Matrix, topkloss::Span;
  const Span<const double> nowhere(nullptr, 2);
  refused(__LINE__, "gradient", [&](Batch &, Output &output) { output.gradient = Matrix(null, 2, 3); });
  refused(__LINE__, "gradient", [&](Batch &, Output &output) { output.gradient = Matrix(null, 1, 3); });
  refused(__LINE__, "multi_label_gradient",
          [&](Batch &, Output &output) { output.multi_label_gradient = Matrix(null, 2, 3); });
  refused(__LINE__, "multi_label_logits",
          [&](Batch &batch, Output &) { batch.multi_label_logits = Matrix(null, 2, 3); });
  refused(__LINE__, "row_values", [&](Batch &, Output &output) { output.row_values = topkloss::Values(null, 2); });
  refused(__LINE__, "sample_weight", [&](Batch &batch, Output &) { batch.sample_weight = nowhere; });
  refused(__LINE__, "upstream",
          [&](Batch &batch, Output &) { batch.upstream = Span<const double>(nowhere.data(), 1); });
  refused(__LINE__, "labels", [&](Batch &batch, Output &) {
    batch.labels = topkloss::Labels(static_cast<const std::int64_t *>(nullptr), 2);
  });
  topkloss::LogitAdjustOptions options;
  options.class_counts = counts;
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "adjusted",
               [&] { topkloss::logit_adjust(matrix, options, Matrix(null, 2, 3)); });
  std::vector<std::int64_t> indptr(3);
  expect_error(__LINE__, TOPKLOSS_ERROR_NULL_POINTER, "indices",
               [&] { topkloss::predict_sets({}, matrix, indptr, Span<std::int64_t>(nullptr, 6)); });
}

}  // namespace

int main() {
  options_of_losses();
  required_vectors();
  members_of_a_batch();
  no_rows();
  null_pointers();
  return check_summary();
}

// What stands around the losses gives what the C functions of the same arguments give, with no option at its default.
#include <cstring>
#include <vector>

#include "check.hpp"

namespace {

constexpr std::size_t rows = 60;
constexpr std::size_t classes = 7;
constexpr std::size_t stride = classes + 2;

const std::vector<double> counts = {300, 150, 100, 60, 20, 19, 5};

std::vector<double> make_scores() {
  std::vector<double> scores(rows * stride);
  std::uint32_t state = 7;
  // Quarters, so that many are equal.
  for (double &score : scores) {
    state = state * 1664525U + 1013904223U;
    score = static_cast<double>(state >> 27) / 4.0;
  }
  return scores;
}

std::vector<std::int64_t> make_labels() {
  std::vector<std::int64_t> labels(rows);
  for (std::size_t row = 0; row < rows; ++row)
    labels[row] = row % 9 == 4 ? -5 : static_cast<std::int64_t>(row * row % 5 + row % 3);
  return labels;
}

const std::vector<double> scores = make_scores();
const std::vector<std::int64_t> labels = make_labels();
const topkloss::ConstMatrix matrix(scores.data(), rows, classes, stride);

topkloss_batch c_batch() {
  auto batch = topkloss::detail::initialized(topkloss_batch_init);
  batch.rows = rows;
  batch.classes = classes;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = scores.data();
  batch.logits_row_stride = stride;
  batch.labels = labels.data();
  return batch;
}

const topkloss_batch batch = c_batch();

void ok(topkloss_status status) { CHECK(status == TOPKLOSS_OK, topkloss_last_error()); }

// To the last bit, NaN too.
template <class A, class B>
void expect_same(const A &cpp, const B &c, const char *what) {
  static_assert(sizeof(A) == sizeof(B));
  CHECK(std::memcmp(&cpp, &c, sizeof cpp) == 0, what);
}

void accuracies(topkloss::Average average) {
  double found[3];
  topkloss::TopKAccuracyOptions top;
  top.k = 3;
  top.ignore_index = -5;
  top.average = average;
  auto c_top = topkloss::detail::initialized(topkloss_topk_accuracy_options_init);
  c_top.k = 3;
  c_top.ignore_index = -5;
  c_top.average = static_cast<topkloss_average>(average);
  ok(topkloss_topk_accuracy(&c_top, &batch, found));
  expect_same(topkloss::topk_accuracy(matrix, labels, top), found[0], "top-3");

  topkloss::ShotAccuracyOptions shots;
  shots.class_counts = counts;
  shots.k = 3;
  shots.ignore_index = -5;
  shots.average = average;
  shots.many = 120.0;
  shots.few = 30.0;
  auto c_shots = topkloss::detail::initialized(topkloss_shot_accuracy_options_init);
  c_shots.classes = classes;
  c_shots.class_counts = counts.data();
  c_shots.k = 3;
  c_shots.ignore_index = -5;
  c_shots.average = static_cast<topkloss_average>(average);
  c_shots.many = 120.0;
  c_shots.few = 30.0;
  ok(topkloss_shot_accuracy(&c_shots, &batch, found));
  expect_same(topkloss::shot_accuracy(matrix, labels, shots).many, found[0], "many");
  expect_same(topkloss::shot_accuracy(matrix, labels, shots).medium, found[1], "medium");
  expect_same(topkloss::shot_accuracy(matrix, labels, shots).few, found[2], "few");

  topkloss::AverageKAccuracyOptions options;
  options.k = 1.5;
  options.ignore_index = -5;
  options.average = average;
  auto c_options = topkloss::detail::initialized(topkloss_average_k_accuracy_options_init);
  c_options.k = 1.5;
  c_options.ignore_index = -5;
  c_options.average = static_cast<topkloss_average>(average);
  ok(topkloss_average_k_accuracy(&c_options, &batch, found));
  expect_same(topkloss::average_k_accuracy(matrix, labels, options), found[0], "average-1.5");
}

void sets() {
  const topkloss::Threshold threshold = topkloss::average_k_threshold(1.25, matrix);
  auto c_threshold = topkloss::detail::initialized(topkloss_threshold_init);
  ok(topkloss_average_k_threshold(1.25, &batch, &c_threshold));
  expect_same(threshold.value, c_threshold.value, "threshold");
  expect_same(threshold.ties, c_threshold.ties, "ties");
  for (const auto empty_sets : {topkloss::EmptySets::stay, topkloss::EmptySets::get_best}) {
    std::vector<std::int64_t> indptr(rows + 1);
    const std::int32_t flag = empty_sets == topkloss::EmptySets::get_best ? 1 : 0;
    ok(topkloss_predict_sets(&c_threshold, flag, &batch, indptr.data(), nullptr, 0));
    std::vector<std::int64_t> indices(static_cast<std::size_t>(indptr[rows]));
    ok(topkloss_predict_sets(&c_threshold, flag, &batch, indptr.data(), indices.data(), indptr[rows]));
    const topkloss::Sets found = topkloss::predict_sets(threshold, matrix, empty_sets);
    CHECK(found.indptr == indptr && found.indices == indices, "sets");
    std::vector<std::int64_t> room(indices.size() + 1, -1);
    CHECK(topkloss::predict_sets(threshold, matrix, indptr, room, empty_sets) == indptr[rows], "their number");
    CHECK(std::equal(indices.begin(), indices.end(), room.begin()) && room.back() == -1, "sets in the caller's room");
  }
  std::vector<std::int64_t> indptr(rows + 1);
  std::vector<std::int64_t> room(1);
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "capacity",
               [&] { topkloss::predict_sets(threshold, matrix, indptr, room); });
}

void adjustment() {
  topkloss::LogitAdjustOptions options;
  options.class_counts = counts;
  options.count_smoothing = 2.0;
  options.tau = 1.5;
  auto c_options = topkloss::detail::initialized(topkloss_logit_adjust_options_init);
  c_options.classes = classes;
  c_options.class_counts = counts.data();
  c_options.count_smoothing = 2.0;
  c_options.tau = 1.5;
  std::vector<double> cpp(rows * (classes + 1));
  std::vector<double> c(rows * (classes + 1));
  topkloss::logit_adjust(matrix, options, topkloss::Matrix(cpp.data(), rows, classes, classes + 1));
  ok(topkloss_logit_adjust(&c_options, &batch, c.data(), classes + 1));
  CHECK(cpp == c, "adjusted");
}

void predictions() {
  topkloss::OutlyingMSEOptions options;
  options.class_counts = counts;
  options.alpha = 0.75;
  const topkloss::OutlyingMSELoss loss(options);
  CHECK(loss.classes() == 7, std::to_string(loss.classes()));
  std::vector<double> teacher(classes);
  ok(topkloss_outlying_mse_teacher(loss.get(), classes, teacher.data()));
  CHECK(loss.teacher() == teacher, "teacher");
  for (const auto rule : {topkloss::PredictionRule::argmax, topkloss::PredictionRule::nearest_teacher}) {
    std::vector<std::int64_t> cpp(rows);
    std::vector<std::int64_t> c(rows);
    loss.predict(matrix, rule, cpp);
    ok(topkloss_outlying_mse_predict(loss.get(), &batch, static_cast<topkloss_prediction_rule>(rule), c.data()));
    CHECK(cpp == c, "predictions");
  }
}

void class_vectors() {
  std::vector<double> weights(classes);
  ok(topkloss_inverse_frequency(classes, counts.data(), weights.data()));
  CHECK(topkloss::inverse_frequency(counts) == weights, "inverse frequency");
  ok(topkloss_effective_number(classes, counts.data(), 0.99, weights.data()));
  std::vector<double> in_place = counts;
  topkloss::effective_number(in_place, 0.99, in_place);
  CHECK(topkloss::effective_number(counts, 0.99) == weights && in_place == weights, "effective number");
  std::vector<float> cpp(2 * 3 * 5);
  std::vector<float> c(2 * 3 * 5);
  topkloss::standard_normal(1, 2, 3, 2, 3, 5, cpp);
  ok(topkloss_standard_normal(1, 2, 3, 2, 3, 5, c.data()));
  CHECK(cpp == c, "noise");
}

void library() {
  CHECK(topkloss::version() == std::string(TOPKLOSS_VERSION), topkloss::version());
  CHECK(topkloss::abi_version() == TOPKLOSS_ABI_VERSION, std::to_string(topkloss::abi_version()));
  CHECK(topkloss::simd() == std::string(topkloss_simd()), topkloss::simd());
  topkloss::set_num_threads(3);
  CHECK(topkloss::get_num_threads() == 3, std::to_string(topkloss::get_num_threads()));
  topkloss::set_num_threads(0);
  topkloss::trim();
  expect_error(__LINE__, TOPKLOSS_ERROR_OPTION, "1025", [] { topkloss::set_num_threads(1025); });
}

}  // namespace

int main() {
  accuracies(topkloss::Average::micro);
  accuracies(topkloss::Average::macro);
  sets();
  adjustment();
  predictions();
  class_vectors();
  library();
  return check_summary();
}

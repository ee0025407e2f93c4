// What stands around the losses gives what the C functions of the same arguments give, with no option at its default.
#include <cstring>
#include <utility>
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

// Halves, some of them 0.
std::vector<double> make_weights() {
  std::vector<double> weights(rows);
  for (std::size_t row = 0; row < rows; ++row) weights[row] = static_cast<double>(row % 4) / 2.0;
  return weights;
}

const std::vector<double> weights_of_rows = make_weights();

topkloss::ConstMatrix part(std::int64_t start, std::int64_t end) {
  return topkloss::ConstMatrix(scores.data() + static_cast<std::size_t>(start) * stride, end - start, classes, stride);
}

template <class T>
topkloss::Span<const T> part(const std::vector<T> &of_rows, std::int64_t start, std::int64_t end) {
  return {of_rows.data() + start, static_cast<std::size_t>(end - start)};
}

// Two halves, added, are what C makes of the whole.
void tallies(topkloss::Average average) {
  topkloss::TopKAccuracyOptions top;
  top.k = 3;
  top.ignore_index = -5;
  top.average = average;
  const std::vector<double> values = {5.0, 4.5, 6.0, 3.0, 4.0, 7.0, 2.0};
  topkloss::Threshold threshold;
  threshold.class_values = values;
  topkloss::Tally hits(classes), sets(classes);
  const std::int64_t middle = rows / 3;
  for (const auto &ends : {std::pair<std::int64_t, std::int64_t>(0, middle), {middle, rows}}) {
    topkloss::Tally more(classes);
    const auto some = part(labels, ends.first, ends.second);
    const auto weights = part(weights_of_rows, ends.first, ends.second);
    more.add_topk(part(ends.first, ends.second), some, top, weights);
    hits += more;
    sets.add_sets(threshold, part(ends.first, ends.second), some, weights, -5);
  }
  topkloss_batch weighted = batch;
  weighted.sample_weight = weights_of_rows.data();
  auto c_top = topkloss::detail::c(top);
  double expected = 0.0;
  ok(topkloss_topk_accuracy(&c_top, &weighted, &expected));
  CHECK_CLOSE(hits.average(average), expected, 1e-14, "top-3");
  CHECK_CLOSE(topkloss::topk_accuracy(matrix, labels, top, nullptr, weights_of_rows), expected, 0.0, "top-3 at once");

  topkloss::ShotAccuracyOptions shots;
  shots.class_counts = counts;
  shots.k = 3;
  shots.ignore_index = -5;
  shots.average = average;
  const topkloss::ShotAccuracies whole = topkloss::shot_accuracy(matrix, labels, shots, nullptr, weights_of_rows);
  CHECK_CLOSE(hits.shots(shots).many, whole.many, 1e-14, "many");
  CHECK_CLOSE(hits.shots(shots).few, whole.few, 1e-14, "few");

  std::vector<double> c_hits(classes), c_sizes(classes), c_weights(classes);
  auto c_threshold = topkloss::detail::initialized(topkloss_threshold_init);
  c_threshold.classes = classes;
  c_threshold.class_values = values.data();
  ok(topkloss_tally_sets(&c_threshold, -5, &weighted, c_hits.data(), c_sizes.data(), c_weights.data()));
  CHECK(sets.hits() == c_hits && sets.sizes() == c_sizes && sets.weights() == c_weights, "sets");
  ok(topkloss_tally_average(c_top.average, classes, c_hits.data(), c_weights.data(), &expected));
  expect_same(sets.average(average), expected, "coverage");
  ok(topkloss_tally_average(c_top.average, classes, c_sizes.data(), c_weights.data(), &expected));
  expect_same(sets.average_size(average), expected, "size");
  ok(topkloss_tally_shortfall(0.75, classes, c_hits.data(), c_weights.data(), &expected));
  expect_same(sets.shortfall(0.75), expected, "shortfall");
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "tally", [&] { topkloss::Tally(3).add_topk(matrix, labels); });
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "other", [&] { sets += topkloss::Tally(3); });
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "class_counts", [&] { (void)topkloss::Tally(3).shots(shots); });
}

void conformal() {
  std::vector<double> probabilities = scores;
  for (double &number : probabilities) number /= 8.0;
  const topkloss::ConstMatrix shares(probabilities.data(), rows, classes, stride);
  topkloss_batch c_shares = batch;
  c_shares.logits = probabilities.data();
  topkloss::ConformalOptions options;
  options.class_counts = counts;
  options.count_smoothing = 1.0;
  options.coverage = 0.7;
  options.ignore_index = -5;
  options.weight = 0.25;
  for (const auto method : {topkloss::ConformalMethod::classwise, topkloss::ConformalMethod::prevalence_adjusted,
                            topkloss::ConformalMethod::interpolated}) {
    options.method = method;
    auto c_options = topkloss::detail::initialized(topkloss_conformal_options_init);
    c_options.classes = classes;
    c_options.class_counts = counts.data();
    c_options.count_smoothing = 1.0;
    c_options.coverage = 0.7;
    c_options.ignore_index = -5;
    c_options.weight = 0.25;
    c_options.method = static_cast<topkloss_conformal_method>(method);
    std::vector<double> c(classes);
    ok(topkloss_conformal_thresholds(&c_options, &c_shares, c.data()));
    const std::vector<double> found = topkloss::conformal_thresholds(shares, labels, options);
    CHECK(found == c, "conformal thresholds");
    topkloss::Threshold threshold;
    threshold.class_values = found;
    const topkloss::Sets sets = topkloss::predict_sets(threshold, shares);
    std::size_t index = 0;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t label = 0; label < classes; ++label)
        if (probabilities[row * stride + label] >= found[label])
          CHECK(index < sets.indices.size() && sets.indices[index++] == static_cast<std::int64_t>(label), "sets");
    CHECK(index == sets.indices.size(), "sets");
  }
}

void adjustment() {
  topkloss::LogitAdjustOptions options;
  options.class_counts = counts;
  options.count_smoothing = 2.0;
  options.tau = 1.5;
  const std::vector<double> prior = {1, 2, 3, 0, 5, 6, 7};
  options.target_prior = prior;
  auto c_options = topkloss::detail::initialized(topkloss_logit_adjust_options_init);
  c_options.classes = classes;
  c_options.class_counts = counts.data();
  c_options.count_smoothing = 2.0;
  c_options.tau = 1.5;
  c_options.target_prior = prior.data();
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
  topkloss::ClassWeightsOptions smoothed;
  smoothed.class_counts = counts;
  smoothed.count_smoothing = 3.0;
  smoothed.weighting = topkloss::ClassWeighting::effective_number;
  smoothed.beta = 0.99;
  std::vector<double> more = counts;
  for (double &count : more) count += 3.0;
  CHECK(topkloss::class_weights(smoothed) == topkloss::effective_number(more, 0.99), "smoothed weights");
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
  tallies(topkloss::Average::micro);
  tallies(topkloss::Average::macro);
  sets();
  conformal();
  adjustment();
  predictions();
  class_vectors();
  library();
  return check_summary();
}

// What stands around the losses, against plain loops: accuracies, post-hoc functions, predictions, class weights.
#include <algorithm>
#include <vector>

#include "check.hpp"

namespace {

constexpr std::size_t rows = 60;
constexpr std::size_t classes = 7;

const std::vector<double> counts = {300, 150, 100, 60, 20, 19, 5};

std::vector<double> make_scores() {
  std::vector<double> scores(rows * classes);
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
const topkloss::ConstMatrix matrix(scores.data(), rows, classes);

// Of two pairs of a row and a class: the higher score, of equal ones the first by row, then by class.
bool is_before(std::size_t a, std::size_t b) { return scores[a] > scores[b] || (scores[a] >= scores[b] && a < b); }

// Pairs of a row and a class, the highest first, of equal ones the first by row, then by class.
std::vector<std::size_t> ordered_pairs(bool only_labelled) {
  std::vector<std::size_t> pairs;
  for (std::size_t pair = 0; pair < rows * classes; ++pair)
    if (!only_labelled || labels[pair / classes] >= 0) pairs.push_back(pair);
  std::sort(pairs.begin(), pairs.end(), is_before);
  return pairs;
}

bool is_in_top(std::size_t row, std::size_t k) {
  const std::size_t own = row * classes + static_cast<std::size_t>(labels[row]);
  std::size_t before = 0;
  for (std::size_t j = 0; j < classes; ++j) before += is_before(row * classes + j, own) ? 1 : 0;
  return before < k;
}

// Over rows, or over classes of each class's own, of the classes that a group takes in. NaN if there is nothing.
template <class Hit, class Group>
double accuracy_of(topkloss::Average average, Hit hit, Group group) {
  double sum = 0.0;
  double number = 0.0;
  for (std::size_t c = 0; c < classes; ++c) {
    double right = 0.0;
    double all = 0.0;
    for (std::size_t row = 0; row < rows; ++row) {
      if (labels[row] != static_cast<std::int64_t>(c) || !group(c)) continue;
      right += hit(row) ? 1.0 : 0.0;
      all += 1.0;
    }
    const bool by_row = average == topkloss::Average::micro;
    if (all > 0.0) sum += by_row ? right : right / all;
    if (all > 0.0) number += by_row ? all : 1.0;
  }
  return sum / number;
}

void accuracies(topkloss::Average average) {
  const auto every = [](std::size_t) { return true; };
  const auto hit = [](std::size_t row) { return is_in_top(row, 3); };
  topkloss::TopKAccuracyOptions top;
  top.k = 3;
  top.ignore_index = -5;
  top.average = average;
  CHECK_CLOSE(topkloss::topk_accuracy(matrix, labels, top), accuracy_of(average, hit, every), 1e-14, "top-3");

  topkloss::ShotAccuracyOptions shots;
  shots.class_counts = counts;
  shots.k = 3;
  shots.ignore_index = -5;
  shots.average = average;
  shots.many = 120.0;
  shots.few = 30.0;
  const topkloss::ShotAccuracies found = topkloss::shot_accuracy(matrix, labels, shots);
  CHECK_CLOSE(found.many, accuracy_of(average, hit, [](std::size_t c) { return counts[c] > 120; }), 1e-14, "many");
  CHECK_CLOSE(found.medium,
              accuracy_of(average, hit, [](std::size_t c) { return counts[c] >= 30 && counts[c] <= 120; }), 1e-14,
              "medium");
  CHECK_CLOSE(found.few, accuracy_of(average, hit, [](std::size_t c) { return counts[c] < 30; }), 1e-14, "few");

  // 53 rows have a label; 53 x 1.5 = 79.5 pairs, to the even 80.
  const std::vector<std::size_t> pairs = ordered_pairs(true);
  CHECK(pairs.size() == 53 * classes, std::to_string(pairs.size()));
  const auto kept = [&pairs](std::size_t row) {
    const std::size_t own = row * classes + static_cast<std::size_t>(labels[row]);
    return std::find(pairs.begin(), pairs.begin() + 80, own) != pairs.begin() + 80;
  };
  topkloss::AverageKAccuracyOptions options;
  options.k = 1.5;
  options.ignore_index = -5;
  options.average = average;
  CHECK_CLOSE(topkloss::average_k_accuracy(matrix, labels, options), accuracy_of(average, kept, every), 1e-14,
              "average-1.5");
}

void sets() {
  const std::vector<std::size_t> pairs = ordered_pairs(false);
  const topkloss::Threshold threshold = topkloss::average_k_threshold(1.25, matrix);
  const std::size_t wanted = 75;
  CHECK_CLOSE(threshold.value, (scores[pairs[wanted - 1]] + scores[pairs[wanted]]) / 2.0, 1e-15, "threshold");
  for (const auto empty_sets : {topkloss::EmptySets::stay, topkloss::EmptySets::get_best}) {
    std::vector<std::int64_t> indices;
    std::vector<std::int64_t> indptr = {0};
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t j = 0; j < classes; ++j)
        if (std::find(pairs.begin(), pairs.begin() + wanted, row * classes + j) != pairs.begin() + wanted)
          indices.push_back(static_cast<std::int64_t>(j));
      const auto own = scores.begin() + static_cast<std::ptrdiff_t>(row * classes);
      if (empty_sets == topkloss::EmptySets::get_best && static_cast<std::int64_t>(indices.size()) == indptr.back())
        indices.push_back(std::max_element(own, own + classes) - own);
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
    }
    const topkloss::Sets found = topkloss::predict_sets(threshold, matrix, empty_sets);
    CHECK(found.indptr == indptr, "the sets' lengths");
    CHECK(found.indices == indices, "the sets");
  }
  // A threshold of the caller's own: of those that equal it, two.
  topkloss::Threshold own;
  own.value = 5.0;
  own.ties = 2;
  const auto above = std::count_if(scores.begin(), scores.end(), [](double score) { return score > 5.0; });
  std::vector<std::int64_t> indptr(rows + 1);
  CHECK(topkloss::predict_sets(own, matrix, indptr, {}) == above + 2, std::to_string(indptr.back()));
  std::vector<std::int64_t> room(1);
  expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "capacity",
               [&] { topkloss::predict_sets(own, matrix, indptr, room); });
}

void adjustment() {
  topkloss::LogitAdjustOptions options;
  options.class_counts = counts;
  options.count_smoothing = 2.0;
  options.tau = 1.5;
  std::vector<double> adjusted(rows * (classes + 1));
  topkloss::logit_adjust(matrix, options, topkloss::Matrix(adjusted.data(), rows, classes, classes + 1));
  std::vector<double> in_place = scores;
  const topkloss::Matrix own(in_place.data(), rows, classes);
  topkloss::logit_adjust(own, options, own);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t j = 0; j < classes; ++j) {
      const double expected = scores[row * classes + j] - 1.5 * std::log((counts[j] + 2.0) / 668.0);
      CHECK_CLOSE(adjusted[row * (classes + 1) + j], expected, 1e-14, "adjusted");
      CHECK_CLOSE(in_place[row * classes + j], expected, 1e-14, "adjusted in place");
    }
  }
}

void predictions() {
  topkloss::OutlyingMSEOptions options;
  options.class_counts = counts;
  options.alpha = 0.75;
  const topkloss::OutlyingMSELoss loss(options);
  CHECK(loss.classes() == 7, std::to_string(loss.classes()));
  const std::vector<double> teacher = loss.teacher();
  // Counts fall, so the ranks are 1 to 7.
  for (std::size_t j = 0; j < classes; ++j)
    CHECK_CLOSE(teacher[j], 0.75 * static_cast<double>(j + 1), 1e-15, "teacher");
  for (const auto rule : {topkloss::PredictionRule::argmax, topkloss::PredictionRule::nearest_teacher}) {
    std::vector<std::int64_t> found(rows);
    loss.predict(matrix, rule, found);
    for (std::size_t row = 0; row < rows; ++row) {
      std::vector<double> preference(classes);
      for (std::size_t j = 0; j < classes; ++j) {
        const double z = scores[row * classes + j];
        preference[j] = rule == topkloss::PredictionRule::argmax ? z : teacher[j] * (2.0 * z - teacher[j]);
      }
      const auto expected = std::max_element(preference.begin(), preference.end()) - preference.begin();
      CHECK(found[row] == expected, "row " + std::to_string(row));
    }
  }
}

void class_weights() {
  const std::vector<double> inverse = topkloss::inverse_frequency(counts);
  std::vector<double> effective = counts;
  topkloss::effective_number(effective, 0.99, effective);
  CHECK(effective == topkloss::effective_number(counts, 0.99), "in place or not");
  double inverse_sum = 0.0;
  double effective_sum = 0.0;
  for (const double count : counts) inverse_sum += 1.0 / count;
  for (const double count : counts) effective_sum += 0.01 / (1.0 - std::pow(0.99, count));
  for (std::size_t c = 0; c < classes; ++c) {
    const double number = 0.01 / (1.0 - std::pow(0.99, counts[c]));
    CHECK_CLOSE(inverse[c], classes / counts[c] / inverse_sum, 1e-14, "inverse frequency");
    CHECK_CLOSE(effective[c], classes * number / effective_sum, 1e-13, "effective number");
  }
}

void library() {
  CHECK(topkloss::version() == std::string(TOPKLOSS_VERSION), topkloss::version());
  CHECK(topkloss::abi_version() == TOPKLOSS_ABI_VERSION, std::to_string(topkloss::abi_version()));
  const std::string simd = topkloss::simd();
  CHECK(simd == "avx512" || simd == "avx2" || simd == "portable", simd);
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
  class_weights();
  library();
  return check_summary();
}

#include "tolerance.hpp"

#include "check.hpp"

namespace {

// Roundings by which everything is moved.
constexpr double roundings = 64;
constexpr int pairs = 2;

std::vector<double> numbers_of(const Answer &answer) {
  std::vector<double> numbers;
  answer.each([&](const char *, double number) { numbers.push_back(number); });
  return numbers;
}

// The change of every number of the answer, at the most.
std::vector<double> measured_changes(const Options &options, const Problem &problem, const Setting &setting,
                                     double rounding, const Answer &shape) {
  Setting exact = setting;
  exact.library = &reference(0);
  exact.dtype = TOPKLOSS_FLOAT64;
  exact.host = Host::none;
  exact.threads = 1;
  Problem unmoved = problem, moved = problem;
  Answer answer;
  evaluate(options, unmoved, exact, answer);
  const std::vector<double> middle = numbers_of(answer);
  std::vector<double> changes(numbers_of(shape).size(), 0.0);
  const double noise = std::fabs(options.number("epsilon", 0.0));
  Random random(7);
  for (int pair = 0; pair < pairs; pair++) {
    std::vector<double> directions(problem.logits.size() + problem.multi_label_logits.size());
    for (double &direction : directions) direction = random.sign();
    for (const double sign : {1.0, -1.0}) {
      const auto move = [&](const std::vector<double> &from, std::vector<double> &to, size_t first) {
        for (size_t i = 0; i < from.size(); i++)
          to[i] = from[i] + sign * directions[first + i] * roundings * rounding *
                                std::max({1.0, std::isinf(from[i]) ? 0.0 : std::fabs(from[i]), 4 * noise});
      };
      move(problem.logits, moved.logits, 0);
      move(problem.multi_label_logits, moved.multi_label_logits, problem.logits.size());
      Options nearby = options;
      move_options(nearby, random, roundings * rounding);
      evaluate(nearby, moved, exact, answer);
      const std::vector<double> numbers = numbers_of(answer);
      if (numbers.size() != changes.size() || middle.size() != changes.size()) {
        // It is refused nearby, or by the other precision: nothing can be said.
        std::fill(changes.begin(), changes.end(), INFINITY);
        return changes;
      }
      for (size_t i = 0; i < changes.size(); i++) {
        const double change = std::fabs(numbers[i] - middle[i]);
        changes[i] = is_same(numbers[i], middle[i]) ? changes[i] : std::isnan(change) ? INFINITY : std::max(changes[i], change);
      }
    }
  }
  // A rank that changes hands moves one class's gradient by what another's loses, which need not be the one that rounding
  // picks; and one row's candidates are others' too.
  size_t i = 0;
  const char *field = "";
  double largest = 0;
  const auto spread = [&](size_t end) {
    for (size_t j = end; j > 0 && j > end - i; j--) changes[j - 1] = largest;
  };
  size_t index = 0;
  shape.each([&](const char *name, double) {
    if (name != field) {
      spread(index);
      field = name;
      largest = 0;
      i = 0;
    }
    largest = std::max(largest, changes[index++]);
    i++;
  });
  spread(index);
  return changes;
}

// What the header allows whatever the numbers are: 1e-5 and 1e-9 of what errors are multiplied by.
double allowed(const Options &options, const Problem &problem, topkloss_dtype precision) {
  double magnitude = 1.0, weight = 1.0, upstream = 1.0;
  for (const double logit : problem.logits)
    if (std::isfinite(logit)) magnitude = std::max(magnitude, 0.05 * std::fabs(logit));
  for (const double each : problem.sample_weight) weight = std::max(weight, std::fabs(each));
  for (const double each : problem.upstream) upstream = std::max(upstream, std::fabs(each));
  return (precision == TOPKLOSS_FLOAT64 ? 2e-9 : 4e-5) * magnitude * weight * upstream * magnification(options);
}

}  // namespace

void require_close(const Options &options, Problem &problem, const Setting &setting, const Answer &one,
                   const Answer &other, topkloss_dtype precision, const char *what) {
  REQUIRE(one.status == other.status, "%s: %s, %s", what, setting.library->status_name(one.status),
          setting.library->status_name(other.status));
  const std::vector<double> ones = numbers_of(one), others = numbers_of(other);
  REQUIRE(ones.size() == others.size(), "%s", what);
  const double floor = allowed(options, problem, precision);
  std::vector<double> changes;
  size_t i = 0;
  one.each([&](const char *name, double number) {
    const double difference = std::fabs(number - others[i]);
    const double nearly = floor * std::max(1.0, std::fabs(number));
    if (!is_same(number, others[i]) && !(difference <= nearly)) {
      const double rounding = precision == TOPKLOSS_FLOAT64 ? 0x1p-53 : 0x1p-24;
      if (changes.empty()) changes = measured_changes(options, problem, setting, rounding, one);
      REQUIRE(difference <= nearly + 4 * changes[i] || changes[i] == INFINITY,
              "%s: %s (number %zu) is %.17g and %.17g; allowed are %.3g and, for rounding, %.3g", what, name, i, number,
              others[i], nearly, 4 * changes[i]);
    }
    i++;
  });
}

void require_same(const Answer &one, const Answer &other, const char *what) {
  REQUIRE(one.status == other.status, "%s: status %d, then %d", what, one.status, other.status);
  if (one.status == TOPKLOSS_ERROR_EXECUTOR) return;
  const std::vector<double> ones = numbers_of(one), others = numbers_of(other);
  REQUIRE(ones.size() == others.size(), "%s", what);
  size_t i = 0;
  one.each([&](const char *name, double number) {
    REQUIRE(is_same(number, others[i]), "%s: %s (number %zu) is %.17g, then %.17g", what, name, i, number, others[i]);
    i++;
  });
}

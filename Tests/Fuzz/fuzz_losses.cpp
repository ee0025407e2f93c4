#include "fuzz_losses.hpp"

#include "check.hpp"
#include "evaluation.hpp"
#include "reached.hpp"
#include "shards.hpp"
#include "tolerance.hpp"

namespace {

struct Case {
  Options options;
  Problem problem;
  Setting setting;
  bool is_ordinary;
  Answer answer, other;
};

int64_t draw_classes(Input &input) {
  const uint32_t kind = input.below(64);
  if (kind == 63) return 1 + input.below(250);
  return kind >= 60 ? 1 + input.below(64) : 1 + input.below(16);
}

// A row may cost a thousand times one of most losses: probabilities of ranks where each of them underflows.
bool is_costly(const StructType &type) {
  for (int32_t i = 0; i < type.count; i++)
    if (type.members[i].is("weights")) return true;
  return false;
}

// Quadratures for every row.
bool is_exact(const Options &options) {
  return is_costly(*options.type) || options.code("estimator", TOPKLOSS_MONTE_CARLO) == TOPKLOSS_EXACT;
}

void draw_case(Input &input, Case &drawn) {
  const bool may_be_costly = input.rarely(8);
  int loss = static_cast<int>(input.below(static_cast<uint32_t>(loss_count())));
  while (is_costly(loss_type(loss)) && !may_be_costly) loss = (loss + 1) % loss_count();
  const StructType &type = loss_type(loss);
  drawn.is_ordinary = !input.rarely(2);
  const int64_t classes = is_costly(type) && !input.rarely(64) ? 1 + input.below(6) : draw_classes(input);
  draw_options(input, type, classes, drawn.is_ordinary, drawn.options);
  Problem &problem = drawn.problem;
  draw_problem(input, !drawn.is_ordinary && input.rarely(32) ? draw_classes(input) : classes, drawn.is_ordinary,
               drawn.options.has("multi_label_weight"), is_exact(drawn.options) ? 64 : 8192, problem);
  draw_noise(input, drawn.options.integer("n_samples", 0), problem);
  draw_setting(input, problem, drawn.setting);
  // One number for all rows, unless every row has a value.
  const bool has_one = drawn.options.code("reduction", TOPKLOSS_NONE) != TOPKLOSS_NONE;
  if (problem.has_upstream && has_one) problem.upstream.resize(1, 1.0);
}

void make_single(Case &drawn) {
  Problem &problem = drawn.problem;
  for (auto *numbers : {&problem.logits, &problem.multi_label_logits, &problem.soft_labels})
    for (double &number : *numbers) number = rounded_to(TOPKLOSS_FLOAT32, number);
  problem.dtype = drawn.setting.dtype = TOPKLOSS_FLOAT32;
}

void repeat(Case &drawn) {
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.other);
  require_same(drawn.answer, drawn.other, "repeated");
}

// What tells answers apart that need not be close: whether there is one.
void compare(Case &drawn, const Setting &other, topkloss_dtype precision, const char *what) {
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  evaluate(drawn.options, drawn.problem, other, drawn.other);
  REQUIRE(drawn.answer.status == drawn.other.status, "%s: status %d, then %d", what, drawn.answer.status,
          drawn.other.status);
  if (drawn.is_ordinary && drawn.answer.status == TOPKLOSS_OK)
    require_close(drawn.options, drawn.problem, drawn.setting, drawn.answer, drawn.other, precision, what);
}

void compare_instruction_sets(Input &input, Case &drawn) {
  if (drawn.setting.dtype != TOPKLOSS_FLOAT64) make_single(drawn);
  Setting other = drawn.setting;
  other.library = &reference(static_cast<int>(input.below(static_cast<uint32_t>(reference_count()))));
  const bool is_same_set = std::strcmp(other.library->simd(), subject().simd()) == 0;
  compare(drawn, other, drawn.setting.dtype, "instruction sets");
  if (is_same_set) require_same(drawn.answer, drawn.other, "the same instruction set, built otherwise");
}

void compare_precisions(Case &drawn) {
  make_single(drawn);
  Setting other = drawn.setting;
  other.dtype = TOPKLOSS_FLOAT64;
  compare(drawn, other, TOPKLOSS_FLOAT32, "float32, float64");
}

// 16 bits are float32's answer, rounded.
void compare_halves(Case &drawn) {
  const topkloss_dtype half = drawn.setting.dtype;
  Setting other = drawn.setting;
  other.dtype = TOPKLOSS_FLOAT32;
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  evaluate(drawn.options, drawn.problem, other, drawn.other);
  for (auto *numbers : {&drawn.other.row_values, &drawn.other.gradient, &drawn.other.multi_label_gradient})
    for (double &number : *numbers) number = rounded_to(half, number);
  require_same(drawn.answer, drawn.other, "16 bits, and float32's rounded to them");
}

void compare_threads(Case &drawn) {
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  Setting other = drawn.setting;
  if (drawn.setting.host == Host::none)
    other.threads = 3;
  else
    other.host = Host::none;
  evaluate(drawn.options, drawn.problem, other, drawn.other);
  // Tasks that the host forgot are none where there is one alone.
  if (drawn.answer.status == TOPKLOSS_ERROR_EXECUTOR) return;
  require_same(drawn.answer, drawn.other, "threads");
}

void compare_layouts(Input &input, Case &drawn) {
  Setting other;
  const Setting &setting = drawn.setting;
  draw_setting(input, drawn.problem, other, &setting);
  for (const Setting *each : {&setting, static_cast<const Setting *>(&other)})
    if (each->logits.overlaps || each->multi_label_logits.overlaps || each->soft_labels.overlaps ||
        each->gradient.overlaps || each->multi_label_gradient.overlaps || each->host == Host::forgetful)
      return repeat(drawn);
  // A stride that is spoilt may mean nothing in the one and something in the other.
  if (drawn.problem.spoilt != nullptr) return repeat(drawn);
  // Labels beyond int32 are others in it.
  evaluate(drawn.options, drawn.problem, setting, drawn.answer);
  evaluate(drawn.options, drawn.problem, other, drawn.other);
  Answer &one = drawn.answer, &two = drawn.other;
  if (setting.wants_gradient != other.wants_gradient) one.gradient.clear(), two.gradient.clear();
  if (setting.wants_row_values != other.wants_row_values) one.row_values.clear(), two.row_values.clear();
  if (setting.wants_second_gradient != other.wants_second_gradient)
    one.multi_label_gradient.clear(), two.multi_label_gradient.clear();
  require_same(one, two, "layouts");
}

// Output that lies over input is refused, or the answer is that of memory apart.
void compare_overlaps(Input &input, Case &drawn) {
  Setting &setting = drawn.setting;
  setting.is_in_place = setting.is_second_in_place = false;
  if (drawn.problem.shape.rows > 16) return repeat(drawn);
  evaluate(drawn.options, drawn.problem, setting, drawn.answer);
  Arena::share(true, input.word());
  evaluate(drawn.options, drawn.problem, setting, drawn.other);
  Arena::share(false, 0);
  if (drawn.other.status != TOPKLOSS_ERROR_ALIASING) require_same(drawn.answer, drawn.other, "memory apart and near");
}

// Of a loss whose rows do not depend on each other.
void compare_parts(Input &input, Case &drawn) {
  const Options &options = drawn.options;
  const bool is_of_all_rows =
      options.has("multi_label_weight") || options.code("method", TOPKLOSS_ASSUME_NEGATIVE) == TOPKLOSS_EXPECTED_POSITIVE;
  const int64_t rows = drawn.problem.shape.rows;
  if (is_of_all_rows || options.code("reduction", TOPKLOSS_NONE) != TOPKLOSS_NONE || rows < 2 ||
      drawn.problem.spoilt != nullptr || drawn.setting.host == Host::forgetful)
    return repeat(drawn);
  evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  if (drawn.answer.status != TOPKLOSS_OK) return;
  const int64_t middle = 1 + input.below(static_cast<uint32_t>(rows - 1));
  Setting setting;
  setting.library = drawn.setting.library;
  setting.dtype = drawn.setting.dtype;
  setting.wants_gradient = drawn.setting.wants_gradient;
  setting.wants_row_values = drawn.setting.wants_row_values;
  Answer joined;
  joined.value = drawn.answer.value;
  joined.total_weight = drawn.answer.total_weight;
  joined.threshold = drawn.answer.threshold;
  for (const auto &[begin, end] : {std::pair{int64_t{0}, middle}, std::pair{middle, rows}}) {
    Problem part = drawn.problem.rows(begin, end);
    evaluate(drawn.options, part, setting, drawn.other);
    REQUIRE(drawn.other.status == TOPKLOSS_OK, "part of a batch: status %d", drawn.other.status);
    joined.row_values.insert(joined.row_values.end(), drawn.other.row_values.begin(), drawn.other.row_values.end());
    joined.gradient.insert(joined.gradient.end(), drawn.other.gradient.begin(), drawn.other.gradient.end());
  }
  require_same(drawn.answer, joined, "a batch in parts");
}

// Of a loss that shards of the classes are enough for; noise is drawn for 32 of them at a time.
void compare_shards(Input &input, Case &drawn) {
  Problem &problem = drawn.problem;
  if (problem.spoilt != nullptr || problem.has_soft_labels || problem.has_noise || drawn.setting.logits.overlaps)
    return repeat(drawn);
  if (bytes_of(drawn.setting.dtype) == 2) make_single(drawn);
  Setting setting;
  setting.library = drawn.setting.library;
  setting.dtype = drawn.setting.dtype;
  drawn.setting = setting;
  problem.threshold = 0;
  evaluate(drawn.options, problem, setting, drawn.answer);
  const int64_t unit = drawn.options.has("n_samples") ? 32 : 1;
  std::vector<int64_t> edges = {0};
  for (int64_t edge = 0, parts = input.below(4); parts > 0; parts--) {
    edge += unit * (1 + input.below(static_cast<uint32_t>(problem.shape.classes)));
    if (edge < problem.shape.classes) edges.push_back(edge);
    edge = edges.back();
  }
  edges.push_back(problem.shape.classes);
  evaluate_shards(drawn.options, problem, setting, edges, drawn.other);
  // Refused besides: other losses.
  if (drawn.other.status == TOPKLOSS_ERROR_OPTION) return;
  REQUIRE(drawn.answer.status == drawn.other.status, "shards: status %d, then %d", drawn.answer.status, drawn.other.status);
  if (drawn.is_ordinary && drawn.answer.status == TOPKLOSS_OK)
    require_close(drawn.options, problem, setting, drawn.answer, drawn.other, setting.dtype, "shards");
}

}  // namespace

bool fuzz_losses(Input &input) {
  static Case drawn;
  const uint32_t comparison = input.below(9);
  draw_case(input, drawn);
  if (comparison == 0)
    evaluate(drawn.options, drawn.problem, drawn.setting, drawn.answer);
  else if (comparison == 1)
    repeat(drawn);
  else if (comparison == 2)
    compare_instruction_sets(input, drawn);
  else if (comparison == 3)
    compare_precisions(drawn);
  else if (comparison == 4 && bytes_of(drawn.setting.dtype) == 2)
    compare_halves(drawn);
  else if (comparison == 5)
    compare_threads(drawn);
  else if (comparison == 6)
    compare_parts(input, drawn);
  else if (comparison == 7)
    compare_shards(input, drawn);
  else if (comparison == 8)
    compare_overlaps(input, drawn);
  else
    compare_layouts(input, drawn);
  const auto loss = static_cast<uint32_t>(drawn.options.type - &loss_type(0));
  const auto status = static_cast<uint32_t>(drawn.answer.status);
  reached(0, loss, status, comparison);
  reached(1, loss, status, static_cast<uint32_t>(drawn.setting.dtype));
  if (drawn.problem.spoilt != nullptr)
    reached(2, static_cast<uint32_t>(drawn.problem.spoilt - struct_named("batch").members), status);
  return is_costly(*drawn.options.type);
}

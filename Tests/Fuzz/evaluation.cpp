#include "evaluation.hpp"

#include "check.hpp"
#include "tell.hpp"

namespace {

constexpr double unwritten = 77.0;
constexpr int most_statuses = 12;

bool is_written(topkloss_status status) { return status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR; }

// A matrix that the call may write: an input's own memory, or another.
struct Output {
  Matrix matrix;
  bool is_wanted;
  bool is_in_place;

  Output(int index, int input_index, const Problem &problem, const Setting &setting, const Layout &layout, bool wanted,
         bool in_place)
      : matrix(wanted && in_place ? input_index : index, problem.shape, layout, setting.dtype),
        is_wanted(wanted),
        is_in_place(in_place) {
    if (is_wanted && !is_in_place) matrix.paint();
  }

  void *pointer() const { return is_wanted ? matrix.writable() : nullptr; }

  // Reads what the call wrote, or checks that it wrote nothing.
  void take(bool was_written, const std::vector<double> &before, std::vector<double> &numbers) const {
    numbers.clear();
    if (!is_wanted) return;
    numbers.resize(matrix.shape.count());
    if (was_written || is_in_place) matrix.read(numbers.data());
    if (!was_written && is_in_place && !matrix.layout.overlaps)
      for (size_t i = 0; i < numbers.size(); i++)
        REQUIRE(is_same(numbers[i], before[i]), "a call that failed wrote element %zu", i);
    if (was_written || is_in_place)
      REQUIRE(matrix.has_its_surroundings(), "%s: a write beside the elements", matrix.piece.arena->name());
    else
      REQUIRE(matrix.is_untouched(), "%s: a call that failed wrote", matrix.piece.arena->name());
    if (!was_written) numbers.clear();
  }
};

// Rows that are left out are 0; those with a number that is none are NaN; ordinary ones are not.
void require_row_rules(const Options &options, const Problem &problem, const Answer &answer) {
  const int64_t ignored = options.integer("ignore_index", INT64_MIN);
  const bool has_labels = options.has("ignore_index") && !problem.has_soft_labels && problem.has_labels;
  const int64_t classes = problem.shape.classes;
  for (int64_t r = 0; r < problem.shape.rows; r++) {
    const auto row = static_cast<size_t>(r);
    const bool is_ignored = has_labels && problem.labels[row] == ignored;
    if (has_labels && !is_ignored)
      REQUIRE(problem.labels[row] >= 0 && problem.labels[row] < classes, "row %zu: label %lld of %lld classes", row,
              static_cast<long long>(problem.labels[row]), static_cast<long long>(classes));
    bool is_bad = false;
    for (int64_t c = 0; c < classes; c++) {
      const double logit = problem.logits[static_cast<size_t>(r * classes + c)];
      is_bad = is_bad || std::isnan(logit) || logit == INFINITY;
    }
    if (is_ignored) is_bad = false;
    // Elsewhere infinities may meet, of options and weights that overflow what they are multiplied with.
    if (!is_ignored && !is_bad && problem.nature != Nature::ordinary) continue;
    const auto is_right = [&](double number) {
      return is_ignored ? number == 0.0 : is_bad == std::isnan(number);
    };
    if (!answer.row_values.empty())
      REQUIRE(is_right(answer.row_values[row]), "row %zu, %s: its value is %g", row, is_bad ? "not finite" : is_ignored ? "ignored" : "ordinary",
              answer.row_values[row]);
    for (int64_t c = 0; c < classes && !answer.gradient.empty(); c++) {
      const double number = answer.gradient[static_cast<size_t>(r * classes + c)];
      REQUIRE(is_right(number), "row %zu, %s: gradient %g", row, is_bad ? "not finite" : is_ignored ? "ignored" : "ordinary", number);
    }
  }
}

}  // namespace

topkloss_loss *create(const Library &library, const Options &options, topkloss_status &status) {
  topkloss_loss *loss = nullptr;
  status = options.type->create(library, options.place(OPTIONS), &loss);
  REQUIRE((status == TOPKLOSS_OK) == (loss != nullptr), "%s", library.status_name(status));
  REQUIRE(status == TOPKLOSS_OK || library.last_error()[0] != '\0' || options.is_null, "no message");
  return loss;
}

void evaluate(const Options &options, Problem &problem, const Setting &setting, Answer &answer) {
  const Library &library = *setting.library;
  tell(setting.library->simd(), &options, &problem, &setting);
  answer.row_values.clear();
  answer.gradient.clear();
  answer.multi_label_gradient.clear();
  answer.value = answer.total_weight = answer.threshold = 0;
  topkloss_loss *const loss = create(library, options, answer.status);
  if (loss == nullptr) return;

  const topkloss_batch *const batch = place_batch(problem, setting);
  const Output gradient(GRADIENT, LOGITS, problem, setting, setting.gradient, setting.wants_gradient,
                        setting.is_in_place);
  const Output second(MULTI_LABEL_GRADIENT, MULTI_LABEL_LOGITS, problem, setting, setting.multi_label_gradient,
                      setting.wants_second_gradient && !problem.multi_label_logits.empty(), setting.is_second_in_place);
  const Matrix row_values(ROW_VALUES, {problem.shape.rows, 1, 0}, {0, 0, 0, setting.logits.is_at_end, 0, false},
                          setting.dtype);
  row_values.paint();

  topkloss_result before{};
  before.struct_size = setting.result_size;
  before.value = before.total_weight = unwritten;
  before.threshold = problem.threshold;
  before.row_values = setting.wants_row_values ? row_values.writable() : nullptr;
  before.gradient = gradient.pointer();
  before.gradient_row_stride = setting.gradient.row;
  before.gradient_class_stride = setting.gradient.by_class;
  before.gradient_group_stride = setting.gradient.group;
  before.multi_label_gradient = second.pointer();
  before.multi_label_gradient_row_stride = setting.multi_label_gradient.row;
  before.multi_label_gradient_class_stride = setting.multi_label_gradient.by_class;
  before.multi_label_gradient_group_stride = setting.multi_label_gradient.group;
  const Arena::Piece piece = arena(RESULT).piece(setting.result_size, true);
  std::memcpy(piece.writable(), &before, std::min(setting.result_size, sizeof before));
  auto *const result = reinterpret_cast<topkloss_result *>(piece.writable());

  if (setting.threads > 1) library.set_num_threads(setting.threads);
  answer.status = library.evaluate(loss, batch, result);
  if (setting.threads > 1) library.set_num_threads(1);
  library.loss_destroy(loss);

  topkloss_result after{};
  std::memcpy(&after, piece.writable(), std::min(setting.result_size, sizeof after));
  REQUIRE(answer.status >= 0 && answer.status < most_statuses, "status %d", answer.status);
  const bool was_written = is_written(answer.status);
  if (!was_written)
    REQUIRE(std::memcmp(&after, &before, std::min(setting.result_size, sizeof after)) == 0,
            "a call that failed wrote into the result");
  answer.value = after.value;
  answer.total_weight = after.total_weight;
  answer.threshold = after.threshold;
  gradient.take(was_written, problem.logits, answer.gradient);
  // Only one loss has a second head; the others do not write there.
  const bool has_second = was_written && options.has("multi_label_weight");
  second.take(has_second, problem.multi_label_logits, answer.multi_label_gradient);
  if (setting.wants_row_values && was_written) {
    answer.row_values.resize(static_cast<size_t>(problem.shape.rows));
    row_values.read(answer.row_values.data());
    REQUIRE(row_values.has_its_surroundings(), "a write beside the row values");
  } else {
    REQUIRE(row_values.is_untouched(), "row values that were not asked for");
  }
  if (answer.status == TOPKLOSS_OK && !problem.shape.rows_per_group && problem.spoilt == nullptr)
    require_row_rules(options, problem, answer);
}

#include "fuzz_functions.hpp"

#include "check.hpp"
#include "functions.hpp"
#include "reached.hpp"
#include "tell.hpp"

namespace {

// Every struct's init function, of any size, into memory of just that size.
void initialize_any(Input &input) {
  static const size_t sizes[] = {0, 7, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 136, 208, 512, 4096, 4097, SIZE_MAX};
  const int losses = loss_count();
  const int index = static_cast<int>(input.below(static_cast<uint32_t>(losses + struct_count())));
  const StructType &type = index < losses ? loss_type(index) : struct_type(index - losses);
  const size_t size = input.rarely(2) ? type.size : input.any_of(sizes);
  const size_t bytes = size <= 4096 ? size : 0;
  const Arena::Piece piece = arena(OUTPUTS).piece(bytes, true);
  piece.arena->paint(piece);
  const bool is_null = input.rarely(16);
  const topkloss_status status = type.initialize(subject(), is_null ? nullptr : piece.writable(), size);
  // An older library lacks the struct.
  if (status == TOPKLOSS_ERROR_OPTION) return;
  REQUIRE(status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_STRUCT_SIZE || (is_null && status == TOPKLOSS_ERROR_NULL_POINTER),
          "%s_init: status %d", type.name, status);
  REQUIRE(size != type.size || is_null || status == TOPKLOSS_OK, "%s_init: status %d", type.name, status);
  size_t written = 0;
  if (status == TOPKLOSS_OK) {
    std::memcpy(&written, piece.writable(), sizeof written);
    REQUIRE(written == size, "%s_init: struct_size %zu", type.name, written);
    Arena::repaint(piece.writable(), bytes);
  }
  REQUIRE(piece.arena->is_painted(piece), "%s_init wrote beside the struct", type.name);
}

// What takes no struct and hardly any argument.
void ask_any(Input &input) {
  static const int32_t counts[] = {-1, 1025, INT32_MIN, INT32_MAX};
  const Library &library = subject();
  REQUIRE(library.status_name(static_cast<int32_t>(input.word())) != nullptr, "no name");
  REQUIRE(library.set_num_threads(input.any_of(counts)) == TOPKLOSS_ERROR_OPTION, "a number of threads");
  REQUIRE(library.get_num_threads() == 1, "%d threads", library.get_num_threads());
  library.loss_destroy(nullptr);
  library.trim();
}

void draw_call(Input &input, const FunctionType &type, FunctionCall &drawn) {
  static const double numbers[] = {0.5, 0.125, 0.9, 1.0, 0.999, 0.25, 0.01, 0.75};
  drawn.is_ordinary = !input.rarely(2);
  const int64_t classes = 1 + input.below(input.rarely(16) ? 200 : 16);
  if (type.options != nullptr) {
    const bool is_loss = std::strcmp(type.options, "outlying_mse") == 0;
    for (int i = 0; is_loss && i < loss_count(); i++)
      // Of whatever loss, mostly the one that predicts.
      if (loss_type(i).members != nullptr && std::strcmp(loss_type(i).name, type.options) == 0)
        draw_options(input, input.rarely(8) ? loss_type(0) : loss_type(i), classes, drawn.is_ordinary, drawn.options);
    if (!is_loss) draw_options(input, struct_named(type.options), classes, drawn.is_ordinary, drawn.options);
  }
  if (type.has_threshold) draw_options(input, struct_named("threshold"), classes, drawn.is_ordinary, drawn.threshold);
  draw_problem(input, classes, drawn.is_ordinary, false, 8192, drawn.problem);
  // Probabilities, where that is what scores have to be.
  const bool are_probabilities = std::strcmp(type.name, "conformal_thresholds") == 0;
  for (double &score : drawn.problem.logits)
    if (are_probabilities && drawn.is_ordinary && std::isfinite(score)) score = std::fmin(std::fabs(score), 1.0);
  draw_setting(input, drawn.problem, drawn.setting);
  drawn.is_at_end = !input.rarely(4);
  for (bool &is_null : drawn.is_null) is_null = !drawn.is_ordinary && input.rarely(32);
  drawn.integer = drawn.is_ordinary ? TOPKLOSS_IGNORE_INDEX : impossible_size(input);
  drawn.code = static_cast<int32_t>(input.below(2)) - (!drawn.is_ordinary && input.rarely(16));
  drawn.number = !drawn.is_ordinary && input.rarely(4) ? strange_number(input) : input.any_of(numbers);
  drawn.word = input.word();
}

void call(const FunctionType &type, FunctionCall &drawn, const Setting &setting, FunctionAnswer &answer) {
  answer.bytes.clear();
  const Setting before = drawn.setting;
  drawn.setting = setting;
  tell(type.name, type.options == nullptr ? nullptr : &drawn.options, &drawn.problem, &setting);
  if (setting.threads > 1) setting.library->set_num_threads(setting.threads);
  type.call(drawn, *setting.library, answer);
  if (setting.threads > 1) setting.library->set_num_threads(1);
  drawn.setting = before;
  REQUIRE(answer.status >= 0 && answer.status < 12, "%s: status %d", type.name, answer.status);
}

}  // namespace

void fuzz_functions(Input &input) {
  static FunctionCall drawn;
  static FunctionAnswer answer, other_answer;
  const uint32_t comparison = input.below(4);
  const uint32_t kind = input.below(32);
  if (kind == 31) return ask_any(input);
  if (kind >= 29) return initialize_any(input);
  const FunctionType &type = function_type(static_cast<int>(kind) % function_count());
  draw_call(input, type, drawn);
  call(type, drawn, drawn.setting, answer);
  reached(3, kind, static_cast<uint32_t>(answer.status), static_cast<uint32_t>(drawn.setting.dtype));
  Setting other = drawn.setting;
  if (comparison == 1) other.library = &reference(static_cast<int>(input.below(static_cast<uint32_t>(reference_count()))));
  if (comparison == 2) other.host = Host::none;
  if (comparison == 2 && drawn.setting.host == Host::none) other.threads = 3;
  // Tasks that a host forgot are as many as there are threads.
  if (drawn.setting.host == Host::forgetful && comparison == 2) return;
  call(type, drawn, other, other_answer);
  REQUIRE(answer.status == other_answer.status, "%s: status %d, then %d", type.name, answer.status, other_answer.status);
  if (answer.status == TOPKLOSS_ERROR_EXECUTOR) return;
  REQUIRE(answer.bytes == other_answer.bytes, "%s: another answer, comparison %u", type.name, comparison);
}

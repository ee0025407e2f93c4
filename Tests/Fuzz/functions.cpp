#include "functions.hpp"

#include "check.hpp"
#include "outputs.hpp"

namespace {

// Arrays by class, row or set. Of a size that is none there is nothing.
size_t sane(int64_t count) { return count > 0 && count < 100000 ? static_cast<size_t>(count) : 0; }

template <typename Options>
const Options *options_of(const FunctionCall &drawn) {
  return static_cast<const Options *>(drawn.options.place(SETTINGS));
}

const topkloss_threshold *threshold_of(const FunctionCall &drawn) {
  return static_cast<const topkloss_threshold *>(drawn.threshold.place(OPTIONS));
}

// One function that answers with a few numbers.
template <typename Call>
void measure(FunctionCall &drawn, FunctionAnswer &answer, size_t count, Call call) {
  const topkloss_batch *const batch = place_batch(drawn.problem, drawn.setting);
  OutputArray numbers(0, count * 8, !drawn.is_null[0], drawn.is_at_end);
  answer.status = call(batch, numbers.pointer<double>());
  numbers.take(answer.status == TOPKLOSS_OK ? count * 8 : 0, answer.bytes);
}

// One that adds to arrays by class.
template <typename Call>
void tally(FunctionCall &drawn, FunctionAnswer &answer, int arrays, Call call) {
  const topkloss_batch *const batch = place_batch(drawn.problem, drawn.setting);
  const size_t bytes = sane(drawn.problem.shape.classes) * 8;
  const std::vector<double> before(bytes / 8, 2.0);
  std::vector<OutputArray> sums;
  for (int i = 0; i < arrays; i++) {
    sums.emplace_back(i, bytes, !drawn.is_null[i], drawn.is_at_end);
    if (!before.empty()) sums.back().fill(before.data());
  }
  answer.status = call(batch, sums);
  for (int i = 0; i < arrays; i++) {
    const double *const numbers = sums[static_cast<size_t>(i)].pointer<double>();
    for (size_t c = 0; numbers != nullptr && c < bytes / 8; c++)
      REQUIRE(answer.status == TOPKLOSS_OK ? numbers[c] >= 2.0 : numbers[c] == 2.0, "sum %zu: %g", c, numbers[c]);
    sums[static_cast<size_t>(i)].take(bytes, answer.bytes);
  }
}

// The numbers by class that a tally or a class weighting starts from, where they can only be read.
const double *numbers_by_class(const FunctionCall &drawn, int slot, size_t count) {
  const Arena::Piece piece = arena(slot).piece(count * 8, drawn.is_at_end);
  Random random(drawn.word + static_cast<uint64_t>(slot));
  for (size_t c = 0; c < count; c++) {
    double number = static_cast<double>(random.word() % 1000) / 4.0 + (drawn.code == 0 ? 0.25 : 0.0);
    if (!drawn.is_ordinary && random.word() % 64 == 0) number = drawn.number;
    std::memcpy(piece.writable() + 8 * c, &number, sizeof number);
  }
  return reinterpret_cast<const double *>(piece.readable());
}

const FunctionType functions[] = {
    {"topk_accuracy", "topk_accuracy_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       measure(drawn, answer, 1, [&](const topkloss_batch *batch, double *numbers) {
         return library.topk_accuracy(options_of<topkloss_topk_accuracy_options>(drawn), batch, numbers);
       });
     }},
    {"average_k_accuracy", "average_k_accuracy_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       measure(drawn, answer, 1, [&](const topkloss_batch *batch, double *numbers) {
         return library.average_k_accuracy(options_of<topkloss_average_k_accuracy_options>(drawn), batch, numbers);
       });
     }},
    {"shot_accuracy", "shot_accuracy_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       measure(drawn, answer, 3, [&](const topkloss_batch *batch, double *numbers) {
         return library.shot_accuracy(options_of<topkloss_shot_accuracy_options>(drawn), batch, numbers);
       });
     }},
    {"conformal_thresholds", "conformal_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       measure(drawn, answer, sane(drawn.problem.shape.classes), [&](const topkloss_batch *batch, double *numbers) {
         return library.conformal_thresholds(options_of<topkloss_conformal_options>(drawn), batch, numbers);
       });
     }},
    {"tally_topk", "topk_accuracy_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       tally(drawn, answer, 2, [&](const topkloss_batch *batch, std::vector<OutputArray> &sums) {
         return library.tally_topk(options_of<topkloss_topk_accuracy_options>(drawn), batch, sums[0].pointer<double>(),
                                   sums[1].pointer<double>());
       });
     }},
    {"tally_sets", nullptr, true,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       tally(drawn, answer, 3, [&](const topkloss_batch *batch, std::vector<OutputArray> &sums) {
         return library.tally_sets(threshold_of(drawn), drawn.integer, batch, sums[0].pointer<double>(),
                                   sums[1].pointer<double>(), sums[2].pointer<double>());
       });
     }},
    {"average_k_threshold", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const topkloss_batch *const batch = place_batch(drawn.problem, drawn.setting);
       topkloss_threshold before{};
       before.struct_size = drawn.code == 0 ? sizeof before : offsetof(topkloss_threshold, classes);
       OutputArray threshold(0, before.struct_size, !drawn.is_null[0], true);
       std::memcpy(threshold.pointer<void>() == nullptr ? static_cast<void *>(&before) : threshold.pointer<void>(),
                   &before, before.struct_size);
       const double k = drawn.number * static_cast<double>(drawn.problem.shape.classes);
       answer.status = library.average_k_threshold(k, batch, threshold.pointer<topkloss_threshold>());
       if (answer.status != TOPKLOSS_OK && threshold.pointer<void>() != nullptr)
         REQUIRE(std::memcmp(threshold.pointer<void>(), &before, before.struct_size) == 0, "the threshold was written");
       threshold.take(threshold.pointer<void>() == nullptr ? 0 : before.struct_size, answer.bytes);
     }},
    {"predict_sets", nullptr, true,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const topkloss_batch *const batch = place_batch(drawn.problem, drawn.setting);
       const size_t rows = static_cast<size_t>(drawn.problem.shape.rows);
       // Room for some of the classes, or all.
       const size_t room = drawn.problem.shape.count() * (drawn.word % 4 == 1 ? drawn.word / 4 % 8 : 8) / 8;
       OutputArray starts(0, (rows + 1) * 8, !drawn.is_null[0], drawn.is_at_end);
       OutputArray indices(1, room * 8, !drawn.is_null[1] && drawn.word % 4 != 2, drawn.is_at_end);
       const int64_t capacity = !drawn.is_ordinary && drawn.word % 16 == 3 ? -1 : static_cast<int64_t>(room);
       answer.status = library.predict_sets(threshold_of(drawn), drawn.code, batch, starts.pointer<int64_t>(),
                                            indices.pointer<int64_t>(), capacity);
       const int64_t *const ends = starts.pointer<int64_t>();
       const bool is_counted = answer.status == TOPKLOSS_OK ||
                               (answer.status == TOPKLOSS_ERROR_SIZE && ends != nullptr && ends[0] == 0);
       const size_t classes = answer.status == TOPKLOSS_OK ? static_cast<size_t>(ends[rows]) : 0;
       REQUIRE(answer.status != TOPKLOSS_OK || indices.pointer<void>() == nullptr || classes <= room, "more than there is room for");
       starts.take(is_counted ? (rows + 1) * 8 : 0, answer.bytes);
       indices.take(indices.pointer<void>() == nullptr ? 0 : classes * 8, answer.bytes);
     }},
    {"logit_adjust", "logit_adjust_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       Setting setting = drawn.setting;
       setting.wants_gradient = !drawn.is_null[0];
       // A struct of an older version has no strides but the rows'.
       if (drawn.options.size < drawn.options.type->size) {
         setting.gradient = Layout();
         setting.is_in_place = false;
       }
       const topkloss_batch *const batch = place_batch(drawn.problem, setting);
       const bool is_in_place = setting.is_in_place && setting.wants_gradient;
       const Matrix matrix(is_in_place ? LOGITS : GRADIENT, drawn.problem.shape, setting.gradient, setting.dtype);
       if (!is_in_place) matrix.paint();
       const auto set = [&](const char *name, int64_t value) {
         for (int32_t i = 0; i < drawn.options.type->count; i++)
           if (drawn.options.type->members[i].is(name)) drawn.options.set(drawn.options.type->members[i], value);
       };
       set("adjusted_class_stride", setting.gradient.by_class);
       set("adjusted_group_stride", setting.gradient.group);
       answer.status = library.logit_adjust(options_of<topkloss_logit_adjust_options>(drawn), batch,
                                            setting.wants_gradient ? matrix.writable() : nullptr, setting.gradient.row);
       std::vector<double> numbers(drawn.problem.shape.count());
       if (answer.status == TOPKLOSS_OK || is_in_place) matrix.read(numbers.data());
       if (answer.status != TOPKLOSS_OK && is_in_place && !setting.gradient.overlaps)
         for (size_t i = 0; i < numbers.size(); i++)
           REQUIRE(is_same(numbers[i], drawn.problem.logits[i]), "a call that failed wrote element %zu", i);
       REQUIRE(answer.status == TOPKLOSS_OK || is_in_place ? matrix.has_its_surroundings() : matrix.is_untouched(),
               "a write beside the elements");
       for (double &number : numbers)
         if (std::isnan(number)) number = NAN;
       if (answer.status == TOPKLOSS_OK)
         answer.bytes.assign(reinterpret_cast<const uint8_t *>(numbers.data()),
                             reinterpret_cast<const uint8_t *>(numbers.data() + numbers.size()));
     }},
    {"tally_average", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t classes = sane(drawn.problem.shape.classes);
       OutputArray mean(0, 8, !drawn.is_null[0], true);
       answer.status = library.tally_average(drawn.code, drawn.is_null[1] ? drawn.integer : static_cast<int64_t>(classes),
                                             numbers_by_class(drawn, SAMPLE_WEIGHT, classes),
                                             numbers_by_class(drawn, UPSTREAM, classes), mean.pointer<double>());
       mean.take(answer.status == TOPKLOSS_OK ? 8 : 0, answer.bytes);
     }},
    {"tally_shots", "shot_accuracy_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t classes = sane(drawn.problem.shape.classes);
       OutputArray means(0, 24, !drawn.is_null[0], true);
       answer.status = library.tally_shots(options_of<topkloss_shot_accuracy_options>(drawn),
                                           numbers_by_class(drawn, SAMPLE_WEIGHT, classes),
                                           numbers_by_class(drawn, UPSTREAM, classes), means.pointer<double>());
       means.take(answer.status == TOPKLOSS_OK ? 24 : 0, answer.bytes);
     }},
    {"tally_shortfall", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t classes = sane(drawn.problem.shape.classes);
       OutputArray shortfall(0, 8, !drawn.is_null[0], true);
       answer.status = library.tally_shortfall(drawn.number, drawn.is_null[1] ? drawn.integer : static_cast<int64_t>(classes),
                                               numbers_by_class(drawn, SAMPLE_WEIGHT, classes),
                                               numbers_by_class(drawn, UPSTREAM, classes), shortfall.pointer<double>());
       shortfall.take(answer.status == TOPKLOSS_OK ? 8 : 0, answer.bytes);
     }},
    {"inverse_frequency", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t classes = sane(drawn.problem.shape.classes);
       OutputArray weights(0, classes * 8, !drawn.is_null[0], drawn.is_at_end);
       answer.status = library.inverse_frequency(drawn.is_null[1] ? drawn.integer : static_cast<int64_t>(classes),
                                                 numbers_by_class(drawn, UPSTREAM, classes), weights.pointer<double>());
       weights.take(answer.status == TOPKLOSS_OK ? classes * 8 : 0, answer.bytes);
     }},
    {"effective_number", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t classes = sane(drawn.problem.shape.classes);
       OutputArray weights(0, classes * 8, !drawn.is_null[0], drawn.is_at_end);
       answer.status = library.effective_number(drawn.is_null[1] ? drawn.integer : static_cast<int64_t>(classes),
                                                numbers_by_class(drawn, UPSTREAM, classes), drawn.number,
                                                weights.pointer<double>());
       weights.take(answer.status == TOPKLOSS_OK ? classes * 8 : 0, answer.bytes);
     }},
    {"class_weights", "class_weights_options", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const size_t bytes = sane(drawn.options.length) * 8;
       OutputArray weights(0, bytes, !drawn.is_null[0], drawn.is_at_end);
       answer.status = library.class_weights(options_of<topkloss_class_weights_options>(drawn), weights.pointer<double>());
       weights.take(answer.status == TOPKLOSS_OK ? bytes : 0, answer.bytes);
     }},
    {"standard_normal", nullptr, false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       const Shape &shape = drawn.problem.shape;
       const int64_t samples = drawn.is_null[1] ? drawn.integer : static_cast<int64_t>(drawn.word % 5);
       const size_t bytes = shape.count() * sane(samples) * 4;
       if (bytes > arena(OUTPUTS).size()) return;
       OutputArray noise(0, bytes, !drawn.is_null[0], drawn.is_at_end);
       const int64_t first = drawn.is_ordinary ? drawn.problem.first_row : static_cast<int64_t>(drawn.word);
       answer.status = library.standard_normal(drawn.word, drawn.problem.step, first, shape.rows, samples, shape.classes,
                                               noise.pointer<float>());
       noise.take(answer.status == TOPKLOSS_OK ? bytes : 0, answer.bytes);
     }},
    {"outlying_mse", "outlying_mse", false,
     [](FunctionCall &drawn, const Library &library, FunctionAnswer &answer) {
       topkloss_loss *loss = nullptr;
       answer.status = drawn.options.type->create(library, drawn.options.place(OPTIONS), &loss);
       if (loss == nullptr) return;
       const topkloss_batch *const batch = place_batch(drawn.problem, drawn.setting);
       const size_t classes = sane(drawn.options.length), rows = static_cast<size_t>(drawn.problem.shape.rows);
       OutputArray teacher(0, classes * 8, !drawn.is_null[0], drawn.is_at_end);
       OutputArray predictions(1, rows * 8, !drawn.is_null[2], drawn.is_at_end);
       answer.status = library.outlying_mse_teacher(loss, drawn.is_null[1] ? drawn.integer : drawn.options.length,
                                                    teacher.pointer<double>());
       teacher.take(answer.status == TOPKLOSS_OK ? classes * 8 : 0, answer.bytes);
       answer.status = library.outlying_mse_predict(loss, batch, drawn.code, predictions.pointer<int64_t>());
       predictions.take(answer.status == TOPKLOSS_OK ? rows * 8 : 0, answer.bytes);
       library.loss_destroy(loss);
     }},
};

}  // namespace

int function_count() { return sizeof functions / sizeof functions[0]; }
const FunctionType &function_type(int index) { return functions[index]; }

#include "problem.hpp"

#include "check.hpp"

namespace {

int64_t draw_label(Input &input, const Problem &problem) {
  const int64_t strangers[] = {problem.shape.classes, -1, INT32_MIN, INT32_MAX, 5000};
  if (input.rarely(12)) return TOPKLOSS_IGNORE_INDEX;
  if (problem.nature == Nature::hostile && input.rarely(32)) return input.any_of(strangers);
  return input.below(static_cast<uint32_t>(std::min<int64_t>(problem.shape.classes, 60000)));
}

void draw_weights(Input &input, const Problem &problem, std::vector<double> &weights) {
  weights.resize(static_cast<size_t>(problem.shape.rows));
  Random random(problem.shape.rows > 16 ? input.below(256) : 0);
  for (double &weight : weights) {
    const uint32_t drawn = problem.shape.rows > 16 ? random.word() & 0x7F : input.byte();
    weight = drawn < 0x80 ? 0.25 + drawn / 32.0 : (drawn - 0x80) / 64.0;
    if (problem.nature == Nature::hostile && drawn >= 0xF8) weight = strange_number(input);
  }
}

void draw_spoilt(Input &input, Problem &problem) {
  static const int64_t strides[] = {INT64_C(1) << 57,    -(INT64_C(1) << 57), INT64_C(1) << 59, -(INT64_C(1) << 59),
                                    INT64_C(1) << 61,    -(INT64_C(1) << 61), INT64_C(1) << 62, -(INT64_C(1) << 62),
                                    INT64_MAX,           INT64_MIN,           INT64_MIN + 1};
  static const int64_t codes[] = {-1, 4, 100, INT32_MIN, INT32_MAX};
  const StructType &type = struct_named("batch");
  const StructMember &member = type.members[input.below(static_cast<uint32_t>(type.count))];
  const bool is_stride = std::strstr(member.name, "stride") != nullptr;
  problem.spoilt = &member;
  problem.spoilt_by = 0;
  if (member.kind == Kind::code) problem.spoilt_by = input.any_of(codes);
  if (member.kind == Kind::word) problem.spoilt_by = static_cast<int64_t>(input.word());
  if (member.kind == Kind::integer || member.kind == Kind::classes)
    problem.spoilt_by = is_stride ? input.any_of(strides) : impossible_size(input);
}

void run_backwards(void *, int64_t count, topkloss_task task, void *context) {
  for (int64_t index = count - 1; index >= 0; index--) task(context, index);
}

void run_scrambled(void *, int64_t count, topkloss_task task, void *context) {
  int64_t index = count / 2;
  // A step that has no divisor in common with any count up to that of tasks.
  for (int64_t i = 0; i < count; i++) task(context, index = (index + 10007) % count);
}

void run_some(void *, int64_t count, topkloss_task task, void *context) {
  for (int64_t index = 1; index < count; index += 2) task(context, index);
}

const topkloss_executor *place_executor(Host host) {
  static constexpr topkloss_parallel_for functions[] = {nullptr, run_backwards, run_scrambled, run_some};
  if (host == Host::none) return nullptr;
  topkloss_executor executor{};
  executor.struct_size = sizeof executor;
  executor.parallel_for = functions[static_cast<int>(host)];
  executor.concurrency = 3;
  const Arena::Piece piece = arena(EXECUTOR).piece(sizeof executor, true);
  std::memcpy(piece.writable(), &executor, sizeof executor);
  return reinterpret_cast<const topkloss_executor *>(piece.readable());
}

const double *place_numbers(int index, const std::vector<double> &numbers, bool is_at_end) {
  const Arena::Piece piece = arena(index).piece(numbers.size() * 8, is_at_end);
  if (!numbers.empty()) std::memcpy(piece.writable(), numbers.data(), numbers.size() * 8);
  return reinterpret_cast<const double *>(piece.readable());
}

const void *place_labels(const Problem &problem, const Setting &setting) {
  const size_t bytes = setting.label_type == TOPKLOSS_INT32 ? 4 : 8;
  const Arena::Piece piece = arena(LABELS).piece(problem.labels.size() * bytes, setting.logits.is_at_end);
  for (size_t i = 0; i < problem.labels.size(); i++) {
    const auto narrow = static_cast<int32_t>(problem.labels[i]);
    std::memcpy(piece.writable() + i * bytes, bytes == 4 ? static_cast<const void *>(&narrow) : &problem.labels[i],
                bytes);
  }
  return piece.readable();
}

// Rows of samples of classes, with strides of either kind.
const void *place_noise(const Problem &problem, const Setting &setting, topkloss_batch &batch) {
  const topkloss_dtype dtype = setting.dtype == TOPKLOSS_FLOAT64 ? TOPKLOSS_FLOAT64 : TOPKLOSS_FLOAT32;
  const Shape shape{problem.shape.rows * problem.samples, problem.shape.classes, problem.samples};
  Layout layout;
  if (setting.noise_sample_pad > 0) batch.noise_sample_stride = shape.classes + setting.noise_sample_pad;
  layout.row = batch.noise_sample_stride;
  const int64_t sample = layout.row == 0 ? shape.classes : layout.row;
  if (setting.noise_row_pad > 0 || layout.row != 0)
    batch.noise_row_stride = problem.samples * sample + setting.noise_row_pad;
  layout.group = batch.noise_row_stride;
  const Matrix matrix(NOISE, shape, layout, dtype);
  matrix.write(problem.noise.data());
  return matrix.readable();
}

const void *place_matrix(int index, const Problem &problem, const Setting &setting, const Layout &layout,
                         bool is_written, std::vector<double> &numbers, int64_t &row, int64_t &by_class,
                         int64_t &group) {
  const Matrix matrix(index, problem.shape, layout, setting.dtype);
  if (is_written) matrix.paint();
  matrix.write(numbers.data());
  if (layout.overlaps) matrix.read(numbers.data());
  row = layout.row;
  by_class = layout.by_class;
  group = layout.group;
  return is_written ? matrix.writable() : matrix.readable();
}

}  // namespace

Problem Problem::rows(int64_t begin, int64_t end) const {
  Problem part = *this;
  const auto cut = [&](auto &numbers, int64_t each) {
    if (numbers.empty()) return;
    numbers.erase(numbers.begin() + end * each, numbers.end());
    numbers.erase(numbers.begin(), numbers.begin() + begin * each);
  };
  part.shape.rows = end - begin;
  part.shape.rows_per_group = 0;
  part.first_row += begin;
  for (auto *matrix : {&part.logits, &part.multi_label_logits, &part.soft_labels}) cut(*matrix, shape.classes);
  cut(part.noise, samples * shape.classes);
  cut(part.labels, 1);
  cut(part.sample_weight, 1);
  cut(part.upstream, 1);
  return part;
}

void draw_problem(Input &input, int64_t classes, bool is_ordinary, bool has_second_head, int64_t most_elements,
                  Problem &problem) {
  static const topkloss_dtype dtypes[] = {TOPKLOSS_FLOAT32, TOPKLOSS_FLOAT64, TOPKLOSS_FLOAT16, TOPKLOSS_BFLOAT16};
  Shape &shape = problem.shape;
  shape.classes = classes;
  shape.rows = input.below(5);
  // Enough for several threads to be worth their while.
  if (shape.rows == 4 && input.rarely(64)) shape.rows = 5 + input.below(256);
  shape.rows = std::min(shape.rows, std::max<int64_t>(most_elements / classes, 1));
  shape.rows_per_group = 0;
  if (shape.rows > 0 && input.rarely(4)) {
    shape.rows_per_group = 1 + input.below(static_cast<uint32_t>(shape.rows));
    shape.rows -= shape.rows % shape.rows_per_group;
  }
  problem.nature = !is_ordinary ? Nature::hostile : input.rarely(4) ? Nature::masked : Nature::ordinary;
  problem.dtype = input.any_of(dtypes);
  problem.logits.resize(shape.count());
  fill(input, problem.nature, problem.dtype, problem.logits.data(), shape.count());
  problem.multi_label_logits.resize(has_second_head || !is_ordinary ? shape.count() : 0);
  fill(input, problem.nature, problem.dtype, problem.multi_label_logits.data(), problem.multi_label_logits.size());
  problem.labels.resize(static_cast<size_t>(shape.rows));
  Random random(shape.rows > 16 ? 1 : 0);
  for (int64_t &label : problem.labels)
    label = shape.rows > 16 ? static_cast<int64_t>(random.word() % static_cast<uint64_t>(classes)) : draw_label(input, problem);
  problem.has_labels = true;
  problem.has_weights = input.rarely(3);
  problem.has_upstream = input.rarely(3);
  problem.has_soft_labels = input.rarely(8);
  problem.sample_weight.clear();
  problem.upstream.clear();
  problem.soft_labels.clear();
  if (problem.has_weights) draw_weights(input, problem, problem.sample_weight);
  if (problem.has_upstream) draw_weights(input, problem, problem.upstream);
  if (problem.has_soft_labels) {
    problem.soft_labels.resize(shape.count());
    fill(input, Nature::ordinary, problem.dtype, problem.soft_labels.data(), shape.count());
    for (double &share : problem.soft_labels)
      if (is_ordinary || !input.rarely(32)) share = std::fabs(share);
  }
  problem.step = input.below(16);
  problem.first_row = input.below(1000);
  problem.threshold = input.rarely(2) ? (1 + input.below(255)) / 256.0 : 0.0;
  // From batches long before, which may be next to nothing.
  if (input.rarely(16)) problem.threshold = 5e-324;
  if (!is_ordinary && input.rarely(16)) problem.threshold = strange_number(input);
  problem.spoilt = nullptr;
  if (!is_ordinary && input.rarely(4)) draw_spoilt(input, problem);
}

void draw_noise(Input &input, int64_t samples, Problem &problem) {
  problem.samples = samples;
  problem.has_noise = samples > 0 && samples <= 8 && problem.shape.rows * samples <= 512 && input.rarely(3);
  problem.noise.clear();
  if (!problem.has_noise) return;
  problem.noise.resize(problem.shape.count() * static_cast<size_t>(samples));
  fill(input, Nature::ordinary, TOPKLOSS_FLOAT32, problem.noise.data(), problem.noise.size());
  if (problem.nature == Nature::hostile && !problem.noise.empty() && input.rarely(4)) problem.noise[0] = strange_number(input);
}

void draw_setting(Input &input, Problem &problem, Setting &setting, const Setting *like) {
  setting = Setting();
  setting.library = &subject();
  setting.dtype = problem.dtype;
  setting.label_type = input.rarely(2) ? TOPKLOSS_INT32 : TOPKLOSS_INT64;
  const bool is_hostile = problem.nature == Nature::hostile;
  // Structs of the first version know rows alone.
  if (knows_rows_alone() || (is_hostile && input.rarely(16))) setting.batch_size = offsetof(topkloss_batch, rows_per_group);
  if (knows_rows_alone() || (is_hostile && input.rarely(16))) setting.result_size = offsetof(topkloss_result, gradient_class_stride);
  if (like != nullptr) {
    setting.batch_size = like->batch_size;
    setting.result_size = like->result_size;
  }
  const bool has_groups = setting.batch_size == sizeof(topkloss_batch);
  const bool has_classes = has_groups && setting.result_size == sizeof(topkloss_result);
  if (!has_groups) problem.has_soft_labels = false;
  if (!has_classes) problem.shape.rows_per_group = 0;
  const Shape &shape = problem.shape;
  setting.logits = draw_layout(input, shape, has_groups, is_hostile);
  setting.multi_label_logits = draw_layout(input, shape, has_groups, is_hostile);
  setting.soft_labels = draw_layout(input, shape, has_groups, is_hostile);
  setting.gradient = draw_layout(input, shape, has_classes, is_hostile);
  setting.multi_label_gradient = draw_layout(input, shape, has_classes, is_hostile);
  setting.noise_row_pad = input.below(3);
  setting.noise_sample_pad = input.below(3);
  setting.is_in_place = has_classes && input.rarely(4);
  setting.is_second_in_place = has_classes && input.rarely(4);
  if (setting.is_in_place) setting.gradient = setting.logits;
  if (setting.is_second_in_place) setting.multi_label_gradient = setting.multi_label_logits;
  setting.wants_gradient = !input.rarely(6);
  setting.wants_second_gradient = !input.rarely(6);
  setting.wants_row_values = !input.rarely(4);
  setting.host = static_cast<Host>(input.below(is_hostile ? 4 : 3));
}

const topkloss_batch *place_batch(Problem &problem, const Setting &setting) {
  topkloss_batch batch{};
  batch.struct_size = setting.batch_size;
  batch.rows = problem.shape.rows;
  batch.classes = problem.shape.classes;
  batch.dtype = setting.dtype;
  batch.label_type = setting.label_type;
  batch.rows_per_group = problem.shape.rows_per_group;
  batch.logits = place_matrix(LOGITS, problem, setting, setting.logits, setting.is_in_place && setting.wants_gradient,
                              problem.logits, batch.logits_row_stride, batch.logits_class_stride,
                              batch.logits_group_stride);
  if (!problem.multi_label_logits.empty())
    batch.multi_label_logits =
      place_matrix(MULTI_LABEL_LOGITS, problem, setting, setting.multi_label_logits,
                   setting.is_second_in_place && setting.wants_second_gradient, problem.multi_label_logits,
                   batch.multi_label_row_stride, batch.multi_label_class_stride, batch.multi_label_group_stride);
  if (problem.has_soft_labels)
    batch.soft_labels = place_matrix(SOFT_LABELS, problem, setting, setting.soft_labels, false, problem.soft_labels,
                                     batch.soft_labels_row_stride, batch.soft_labels_class_stride,
                                     batch.soft_labels_group_stride);
  if (problem.has_labels) batch.labels = place_labels(problem, setting);
  if (problem.has_weights) batch.sample_weight = place_numbers(SAMPLE_WEIGHT, problem.sample_weight, true);
  if (problem.has_upstream) batch.upstream = place_numbers(UPSTREAM, problem.upstream, true);
  if (problem.has_noise) batch.noise = place_noise(problem, setting, batch);
  batch.step = problem.step;
  batch.first_row = problem.first_row;
  batch.executor = place_executor(setting.host);
  if (problem.spoilt != nullptr) {
    // Pointers can only be taken away.
    const size_t bytes = problem.spoilt->kind == Kind::code ? 4 : 8;
    std::memcpy(reinterpret_cast<uint8_t *>(&batch) + problem.spoilt->offset, &problem.spoilt_by, bytes);
  }
  const Arena::Piece piece = arena(BATCH).piece(setting.batch_size, true);
  std::memcpy(piece.writable(), &batch, std::min(setting.batch_size, sizeof batch));
  return reinterpret_cast<const topkloss_batch *>(piece.readable());
}

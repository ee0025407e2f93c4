#include "shards.hpp"

#include "check.hpp"
#include "outputs.hpp"

namespace {

Problem columns(const Problem &problem, int64_t first, int64_t end) {
  Problem part = problem;
  part.shape.classes = end - first;
  part.multi_label_logits.clear();
  part.logits.clear();
  for (int64_t row = 0; row < problem.shape.rows; row++) {
    const auto start = problem.logits.begin() + row * problem.shape.classes;
    part.logits.insert(part.logits.end(), start + first, start + end);
  }
  return part;
}

}  // namespace

void evaluate_shards(const Options &options, const Problem &problem, const Setting &setting,
                     const std::vector<int64_t> &edges, Answer &answer) {
  const Library &library = *setting.library;
  const auto rows = static_cast<size_t>(problem.shape.rows);
  const size_t count = edges.size() - 1, element = bytes_of(setting.dtype);
  answer = Answer();
  topkloss_loss *const loss = create(library, options, answer.status);
  if (loss == nullptr) return;
  int64_t state_bytes = 0;
  answer.status = library.shard_bytes(loss, &state_bytes);
  const size_t bytes = rows * static_cast<size_t>(state_bytes);
  // States that no memory is kept for: as if the loss were refused.
  if (answer.status == TOPKLOSS_OK && count * bytes > arena(OUTPUTS).size()) answer.status = TOPKLOSS_ERROR_OPTION;

  topkloss_shard shard{};
  shard.struct_size = sizeof shard;
  shard.all_classes = problem.shape.classes;
  shard.shards = static_cast<int64_t>(count);
  std::vector<uint8_t> states, written;
  for (size_t k = 0; k < count && answer.status == TOPKLOSS_OK; k++) {
    Problem part = columns(problem, edges[k], edges[k + 1]);
    shard.first_class = edges[k];
    const OutputArray own(0, bytes, true, k % 2 == 0);
    answer.status = library.shard_partial(loss, place_batch(part, setting), &shard, own.pointer<void>());
    own.take(answer.status == TOPKLOSS_OK ? bytes : 0, states);
  }
  const Arena::Piece all = arena(NOISE).piece(states.size(), true);
  if (!states.empty()) std::memcpy(all.writable(), states.data(), states.size());
  shard.states = all.readable();
  answer.gradient.resize(problem.shape.count());
  answer.row_values.resize(rows);
  double value = 0;
  for (size_t k = 0; k < count && answer.status == TOPKLOSS_OK; k++) {
    Problem part = columns(problem, edges[k], edges[k + 1]);
    shard.first_class = edges[k];
    shard.index = static_cast<int64_t>(k);
    const OutputArray gradient(1, part.shape.count() * element, true, true), values(2, rows * element, true, true);
    topkloss_result result{};
    result.struct_size = sizeof result;
    result.gradient = gradient.pointer<void>();
    result.row_values = values.pointer<void>();
    answer.status = library.shard_complete(loss, place_batch(part, setting), &shard, &result);
    const bool is_done = answer.status == TOPKLOSS_OK;
    REQUIRE(k == 0 || !is_done || is_same(value, result.value), "shard %zu: %.17g, others %.17g", k, result.value, value);
    value = result.value;
    answer.total_weight = result.total_weight;
    for (size_t row = 0; row < rows && is_done; row++) {
      answer.row_values[row] = get(values.pointer<uint8_t>() + row * element, setting.dtype);
      for (int64_t c = edges[k]; c < edges[k + 1]; c++) {
        const size_t place = row * static_cast<size_t>(part.shape.classes) + static_cast<size_t>(c - edges[k]);
        answer.gradient[row * static_cast<size_t>(problem.shape.classes) + static_cast<size_t>(c)] =
          get(gradient.pointer<uint8_t>() + place * element, setting.dtype);
      }
    }
    gradient.take(is_done ? part.shape.count() * element : 0, written);
    values.take(is_done ? rows * element : 0, written);
  }
  library.loss_destroy(loss);
  answer.value = value;
}

// Losses of rows whose classes are in two shards: what C's functions of the same arguments give, to the last bit; near
// the loss of whole rows; and states of a wrong size are an error.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.hpp"

namespace {

constexpr std::int64_t rows = 50, classes = 40, edges[] = {0, 32, classes};

const std::vector<float> logits = [] {
  std::vector<float> numbers(rows * classes);
  std::uint32_t state = 7;
  for (float &number : numbers) number = static_cast<float>((state = state * 1664525U + 1013904223U) >> 20) / 1024.0F;
  return numbers;
}();

const std::vector<std::int64_t> labels = [] {
  std::vector<std::int64_t> found(rows);
  for (std::int64_t row = 0; row < rows; ++row) found[static_cast<std::size_t>(row)] = row * 7 % classes;
  return found;
}();

topkloss::Shard shard_of(std::int64_t index) {
  topkloss::Shard shard;
  shard.all_classes = classes;
  shard.first_class = edges[index];
  shard.shards = 2;
  shard.index = index;
  return shard;
}

topkloss::Batch batch_of(std::int64_t index) {
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(logits.data() + edges[index], rows, edges[index + 1] - edges[index], classes);
  batch.labels = labels;
  batch.step = 3;
  return batch;
}

// The same by the C interface.
topkloss_batch c_batch(std::int64_t index) {
  auto batch = topkloss::detail::initialized(topkloss_batch_init);
  batch.rows = rows;
  batch.classes = edges[index + 1] - edges[index];
  batch.logits = logits.data() + edges[index];
  batch.logits_row_stride = classes;
  batch.labels = labels.data();
  batch.step = 3;
  return batch;
}

topkloss_shard c_shard(std::int64_t index) {
  auto shard = topkloss::detail::initialized(topkloss_shard_init);
  shard.all_classes = classes;
  shard.first_class = edges[index];
  shard.shards = 2;
  shard.index = index;
  return shard;
}

void ok(topkloss_status status) { CHECK(status == TOPKLOSS_OK, topkloss_last_error()); }

template <class T>
void expect_same(const std::vector<T> &cpp, const std::vector<T> &c, const char *what) {
  CHECK(cpp.size() == c.size() && std::memcmp(cpp.data(), c.data(), c.size() * sizeof(T)) == 0, what);
}

void try_shards(const topkloss::Loss &loss, const char *name) {
  std::int64_t bytes = 0;
  ok(topkloss_shard_bytes(loss.get(), &bytes));
  CHECK(loss.shard_bytes() == bytes, name);
  const auto size = static_cast<std::size_t>(rows * bytes);
  std::vector<unsigned char> states(2 * size), expected(2 * size);
  std::vector<float> gradient(rows * classes, 7.0F), slope(rows * classes, 7.0F);
  for (std::int64_t index = 0; index < 2; ++index) {
    const auto start = static_cast<std::size_t>(index) * size;
    loss.shard_partial(batch_of(index), shard_of(index), {states.data() + start, size});
    const topkloss_batch batch = c_batch(index);
    const topkloss_shard shard = c_shard(index);
    ok(topkloss_shard_partial(loss.get(), &batch, &shard, expected.data() + start));
    expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "bytes of all rows", [&] {
      loss.shard_partial(batch_of(index), shard_of(index), {states.data(), size - 1});
    });
  }
  expect_same(states, expected, name);

  topkloss::Batch whole = batch_of(0);
  whole.logits = topkloss::ConstMatrix(logits.data(), rows, classes);
  const double value = loss.evaluate(whole).value;
  for (std::int64_t index = 0; index < 2; ++index) {
    topkloss::Output output;
    output.gradient = topkloss::Matrix(gradient.data() + edges[index], rows, edges[index + 1] - edges[index], classes);
    const topkloss::Evaluation found = loss.shard_complete(batch_of(index), shard_of(index), states, output);
    const topkloss_batch batch = c_batch(index);
    topkloss_shard shard = c_shard(index);
    auto result = topkloss::detail::initialized(topkloss_result_init);
    shard.states = states.data();
    result.gradient = slope.data() + edges[index];
    result.gradient_row_stride = classes;
    ok(topkloss_shard_complete(loss.get(), &batch, &shard, &result));
    CHECK(found.value == result.value && found.total_weight == result.total_weight, name);
    CHECK(std::abs(found.value - value) <= 1e-6 * std::abs(value), name);
    const topkloss::Span<const unsigned char> one(states.data(), size);
    expect_error(__LINE__, TOPKLOSS_ERROR_SIZE, "bytes of all rows",
                 [&] { loss.shard_complete(batch_of(index), shard_of(index), one, output); });
  }
  expect_same(gradient, slope, name);
}

}  // namespace

int main() {
  const std::vector<double> counts(classes, 5.0);
  topkloss::ELMOptions elm;
  elm.class_counts = counts;
  topkloss::NoisedTopKOptions noised;
  noised.k = 3;
  noised.seed = 11;
  try_shards(topkloss::ELMLoss(elm), "elm");
  try_shards(topkloss::NoisedTopKLoss(noised), "noised top-K");
  return check_summary();
}

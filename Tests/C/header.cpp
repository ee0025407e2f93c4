// The header in C++, under every standard and every warning: a handle in a unique_ptr, an executor over std::thread,
// and errors that become exceptions; what the generator read in it is what C++ sees.
#include "topkloss.h"

// A second time, to see its guard work.
#include "topkloss.h"

#include "generated/abi.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

struct Destroy {
  void operator()(topkloss_loss *loss) const { topkloss_loss_destroy(loss); }
};

using Loss = std::unique_ptr<topkloss_loss, Destroy>;

void check(topkloss_status status) {
  if (status != TOPKLOSS_OK) throw std::runtime_error(topkloss_last_error());
}

Loss make_cross_entropy() {
  topkloss_loss *loss = nullptr;
  check(topkloss_cross_entropy_create(nullptr, &loss));
  return Loss(loss);
}

// Every task on a thread of its own.
void run_on_threads(void *, std::int64_t count, topkloss_task task, void *context) {
  std::vector<std::thread> threads;
  for (std::int64_t index = 0; index < count; ++index) {
    threads.emplace_back([=] { task(context, index); });
  }
  for (std::thread &thread : threads) thread.join();
}

double evaluate(const Loss &loss, const topkloss_executor *executor) {
  const std::size_t rows = 4096;
  const std::size_t classes = 64;
  const std::vector<double> logits(rows * classes, 0.5);
  const std::vector<std::int32_t> labels(rows, 7);
  std::vector<double> gradient(rows * classes);

  topkloss_batch batch;
  check(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = static_cast<std::int64_t>(rows);
  batch.classes = static_cast<std::int64_t>(classes);
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.label_type = TOPKLOSS_INT32;
  batch.logits = logits.data();
  batch.labels = labels.data();
  batch.executor = executor;

  topkloss_result result;
  check(topkloss_result_init(&result, sizeof result));
  result.gradient = gradient.data();
  check(topkloss_evaluate(loss.get(), &batch, &result));
  return result.value;
}

bool refuses_nothing() {
  try {
    check(topkloss_evaluate(nullptr, nullptr, nullptr));
  } catch (const std::runtime_error &error) {
    return error.what()[0] != '\0';
  }
  return false;
}

}  // namespace

int main() {
  topkloss_executor executor;
  check(topkloss_executor_init(&executor, sizeof executor));
  executor.parallel_for = run_on_threads;
  executor.concurrency = 2;
  const Loss loss = make_cross_entropy();
  const double alone = evaluate(loss, nullptr);
  const double hosted = evaluate(loss, &executor);
  const bool agrees = std::abs(alone - std::log(64.0)) < 1e-12;
  const bool passed = agrees && !(alone < hosted) && !(hosted < alone) && refuses_nothing() && struct_without_its_defaults() == nullptr;
  if (!passed) std::fprintf(stderr, "%.17g alone, %.17g hosted\n", alone, hosted);
  return passed ? 0 : 1;
}

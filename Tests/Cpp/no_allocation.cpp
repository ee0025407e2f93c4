// A warm evaluation through the C++ interface allocates nothing: of every loss, on one thread and on two, and on a host's
// threads.
#include <cstdlib>

#include "every_loss.hpp"

extern "C" {
#include "../C/interpose.h"
}

namespace {

void evaluate_every_loss(const std::string &where, const Workload &work, const std::vector<NamedLoss> &losses) {
  for (const NamedLoss &named : losses) {
    // Several times: threads warm up too, and any of them may take any part of the work.
    for (int i = 0; i < 10; ++i) named.loss.evaluate(work.batch, work.output);
    reset_allocation_calls();
    double sum = 0.0;
    for (int i = 0; i < 5; ++i) sum += named.loss.evaluate(work.batch, work.output).value;
    const long calls = allocation_calls();
    CHECK(calls == 0, named.name + where + ": " + std::to_string(calls) + " calls, " + std::to_string(sum));
  }
}

}  // namespace

int main() {
  reset_allocation_calls();
  void *volatile kept = std::malloc(100);
  std::free(kept);
  CHECK(allocation_calls() == 2, "allocations are not counted: " + std::to_string(allocation_calls()));

  Workload work(600, 80);
  const std::vector<NamedLoss> losses = every_loss(work.counts);
  for (const int threads : {1, 2}) {
    topkloss::set_num_threads(threads);
    evaluate_every_loss(", " + std::to_string(threads) + " threads", work, losses);
  }
  auto one_after_another = [](std::int64_t count, topkloss::Task task) {
    for (std::int64_t index = 0; index < count; ++index) task(index);
  };
  const topkloss::Executor executor(one_after_another, 4);
  work.batch.executor = &executor;
  evaluate_every_loss(", the host's thread", work, losses);
  return check_summary();
}

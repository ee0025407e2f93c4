// A loss frees its handle once: however it was made, moved, written over, given away or ended, no memory is left.
#include <cstdlib>
#include <utility>

#include "every_loss.hpp"

extern "C" {
#include "../C/interpose.h"
}

namespace {

const std::vector<double> counts = {50, 20, 5};
const std::vector<float> logits = {1, 2, 3};
const std::vector<std::int64_t> labels = {2};

topkloss::LogitAdjustedLoss counted() {
  topkloss::LogitAdjustedOptions options;
  options.class_counts = counts;
  return topkloss::LogitAdjustedLoss(options);
}

// Run once to warm up, then again: what lives must not have become more, nor less.
template <class Deed>
void leaves_nothing(int line, const char *what, Deed deed) {
  deed();
  const long before = live_allocations();
  for (int i = 0; i < 3; ++i) deed();
  const long left = live_allocations() - before;
  if (left != 0) report(__FILE__, line, std::string(what) + ": " + std::to_string(left) + " pieces of memory left");
}

}  // namespace

int main() {
  const long before = live_allocations();
  void *volatile kept = std::malloc(100);
  CHECK(live_allocations() == before + 1, "memory is not counted");
  kept = std::realloc(kept, 200);
  CHECK(live_allocations() == before + 1, "a longer piece is no second one");
  std::free(kept);
  CHECK(live_allocations() == before, "memory that is given back is not counted");

  leaves_nothing(__LINE__, "every loss", [] { (void)every_loss(counts); });
  leaves_nothing(__LINE__, "evaluated", [] {
    (void)counted().value(topkloss::ConstMatrix(logits.data(), 1, 3), labels);
  });
  leaves_nothing(__LINE__, "moved", [] {
    topkloss::LogitAdjustedLoss first = counted();
    const topkloss::LogitAdjustedLoss second(std::move(first));
    const long live = live_allocations();
    first = counted();
    CHECK(live_allocations() > live, "a loss takes memory, or nothing is tested here");
  });
  leaves_nothing(__LINE__, "moved over another", [] {
    topkloss::Loss any = counted();
    any = counted();
    any = topkloss::FocalLoss();
    topkloss::Loss &same = any;
    any = std::move(same);
  });
  leaves_nothing(__LINE__, "moved over an empty one", [] {
    topkloss::Loss any;
    any = counted();
    any = topkloss::Loss();
  });
  leaves_nothing(__LINE__, "given away and taken over", [] {
    topkloss::Loss any = counted();
    const topkloss::Loss adopted(any.release());
    topkloss_loss_destroy(counted().release());
  });
  leaves_nothing(__LINE__, "refused", [] {
    topkloss::LogitAdjustedOptions options;
    options.class_counts = counts;
    options.tau = NAN;
    expect_error(__LINE__, TOPKLOSS_ERROR_OPTION, "tau", [&] { topkloss::LogitAdjustedLoss loss(options); });
  });
  return check_summary();
}

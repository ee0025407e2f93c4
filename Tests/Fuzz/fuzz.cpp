// The fuzzer's entry: README.md.
#include "check.hpp"
#include "fuzz_functions.hpp"
#include "fuzz_losses.hpp"
#include "library.hpp"
#include "reached.hpp"

extern "C" {
#include "../C/interpose.h"
}

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  load_libraries();
  return 0;
}

// Where the fuzzer looks for more of them.
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t reached_counters[reached_kinds];

namespace {

// Whether the input took so long that there should not be more like it.
bool run(const uint8_t *bytes, size_t size) {
  Input input(bytes, size);
  if (!input.rarely(4)) return fuzz_losses(input);
  fuzz_functions(input);
  return false;
}

// The first run may leave what later ones work in; none leaves more than the one before.
void require_no_leak(const uint8_t *bytes, size_t size) {
  for (int runs = 0; runs < 4; runs++) {
    const long before = live_allocations();
    run(bytes, size);
    if (live_allocations() <= before) return;
  }
  REQUIRE(false, "every run leaves more memory behind");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const long before = live_allocations();
  const bool is_costly = run(bytes, size);
  if (live_allocations() > before) require_no_leak(bytes, size);
  // Left out of the corpus: every loop's count would be something new there, and soon half of it.
  return is_costly ? -1 : 0;
}

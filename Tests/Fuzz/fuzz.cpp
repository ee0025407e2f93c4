// The fuzzer's entry: README.md.
#include "fuzz_functions.hpp"
#include "fuzz_losses.hpp"
#include "library.hpp"

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  load_libraries();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Input input(bytes, size);
  bool is_costly = false;
  if (input.rarely(4))
    fuzz_functions(input);
  else
    is_costly = fuzz_losses(input);
  // Left out of the corpus: every loop's count would be something new there, and soon half of it.
  return is_costly ? -1 : 0;
}

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
  if (input.rarely(4))
    fuzz_functions(input);
  else
    fuzz_losses(input);
  return 0;
}

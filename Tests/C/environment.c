/*
 * Prints what the library made of its environment: instruction set, number of threads, and a fingerprint of its noise,
 * which must not depend on either.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "every_loss.h"

enum { ROWS = 7, SAMPLES = 5, CLASSES = 1234 };

/* FNV-1a over the bytes. */
static uint64_t fingerprint(const void *bytes, size_t count) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325);
  for (size_t i = 0; i < count; i++)
    hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
  return hash;
}

int main(void) {
  const size_t count = (size_t)ROWS * SAMPLES * CLASSES;
  float *const noise = required_memory(count * sizeof(float));
  CHECK_OK(topkloss_standard_normal(UINT64_C(0x9E3779B97F4A7C15), 3, INT64_C(1) << 40, ROWS, SAMPLES,
                                    CLASSES, noise));
  printf("%s %" PRId32 " %016" PRIx64 "\n", topkloss_simd(), topkloss_get_num_threads(),
         fingerprint(noise, count * sizeof(float)));
  free(noise);
  return check_summary();
}

/*
 * The kernels as PTX, text that the driver compiles for the device that is there: a module for each family of losses.
 */
#ifndef CPTX_H
#define CPTX_H

#include <stddef.h>

#define FAMILY(number, name) extern const char topk_ptx_##name[] __attribute__((visibility("hidden")));
#include "../families.h"
#undef FAMILY

static inline const char *topk_ptx(long family) {
  switch (family) {
#define FAMILY(number, name) \
  case number: return topk_ptx_##name;
#include "../families.h"
#undef FAMILY
    default: return NULL;
  }
}

#endif

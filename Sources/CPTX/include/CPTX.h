/*
 * The kernels as PTX, text that the driver compiles for the device that is there: a module for each family of losses.
 */
#ifndef CPTX_H
#define CPTX_H

#include <stddef.h>
#include <string.h>

#define FAMILY(name) extern const char topk_ptx_##name[] __attribute__((visibility("hidden")));
#include "../families.h"
#undef FAMILY

/* The module of a family; NULL if there is none of that name. */
static inline const char *topk_ptx(const char *family) {
#define FAMILY(name) \
  if (!strcmp(family, #name)) return topk_ptx_##name;
#include "../families.h"
#undef FAMILY
  return NULL;
}

#endif

/*
 * The header in C, under every standard and every warning, and what the generator read in it.
 */
#include "topkloss.h"

/* A second time, to see its guard work. */
#include "topkloss.h"

#include "generated/abi.h"

#include <stdio.h>

int main(void) {
  /* Initialised the way a C program would, without the init function. */
  topkloss_cross_entropy_options options = {0};
  topkloss_loss *loss = NULL;
  const char *wrong = struct_without_its_defaults();
  if (wrong != NULL) return puts(wrong) < 0 ? 2 : 1;
  options.struct_size = sizeof options;
  options.reduction = TOPKLOSS_SUM;
  options.ignore_index = TOPKLOSS_IGNORE_INDEX;
  if (topkloss_cross_entropy_create(&options, &loss) != TOPKLOSS_OK) return 1;
  topkloss_loss_destroy(loss);
  return topkloss_abi_version() == TOPKLOSS_ABI_VERSION ? 0 : 1;
}

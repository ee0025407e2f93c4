/*
 * A program of the later version that grow.py makes, on the library of that version: members behind those of today are
 * read where a caller has them.
 */
#include <string.h>

#include "topkloss.h"

int main(void) {
  topkloss_focal_options options;
  topkloss_loss *loss = NULL;
  if (topkloss_focal_options_init(&options, sizeof options) != TOPKLOSS_OK) return 1;
  if (options.later != 0.25 || options.latest != -7) return 2;
  if (topkloss_focal_create(&options, &loss) != TOPKLOSS_OK) return 3;
  topkloss_loss_destroy(loss);
  options.later = 0.5;
  if (topkloss_focal_create(&options, &loss) != TOPKLOSS_ERROR_OPTION) return 4;
  return strcmp(topkloss_last_error(), "options.later is 0.5") == 0 ? 0 : 5;
}

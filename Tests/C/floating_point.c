/*
 * Ordinary rows raise no floating-point exception that a host may have made fatal, masked classes and far logits among
 * them, and leave the rounding mode as it was.
 */
#include <fenv.h>

#include "every_loss.h"

enum { ROWS = 40, CLASSES = 53 };

int main(void) {
  workload work;
  workload_init(&work, ROWS, CLASSES);
  for (int64_t row = 0; row < ROWS; row++) {
    const int64_t masked = (work.labels[row] + 1) % CLASSES;
    work.logits[row * CLASSES + masked] = -INFINITY;
    work.logits[row * CLASSES + (work.labels[row] + 2) % CLASSES] = -3e4F;
  }
  CHECK_OK(topkloss_set_num_threads(1));
  for (int kind = 0; kind < LOSS_KINDS; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    feclearexcept(FE_ALL_EXCEPT);
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    CHECK(fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) == 0, "%s raises %d",
          loss_names[kind], fetestexcept(FE_ALL_EXCEPT));
    CHECK(fegetround() == FE_TONEAREST, "%s changes the rounding mode", loss_names[kind]);
    topkloss_loss_destroy(loss);
  }

  double accuracy = -1;
  feclearexcept(FE_ALL_EXCEPT);
  CHECK_OK(topkloss_topk_accuracy(NULL, &work.batch, &accuracy));
  CHECK(fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) == 0, "accuracy raises %d",
        fetestexcept(FE_ALL_EXCEPT));
  workload_free(&work);
  return check_summary();
}

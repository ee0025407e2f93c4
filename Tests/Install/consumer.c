/* A program out of the tree, in C: cross-entropy of equal scores is the logarithm of their number. */
#include <math.h>
#include <stdio.h>
#include <topkloss.h>

int main(void) {
  const double logits[2 * 4] = {1, 1, 1, 1, -3, -3, -3, -3};
  const int64_t labels[2] = {0, 3};
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  if (topkloss_cross_entropy_create(NULL, &loss) != TOPKLOSS_OK) return 1;
  topkloss_batch_init(&batch, sizeof batch);
  batch.rows = 2;
  batch.classes = 4;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = logits;
  batch.labels = labels;
  topkloss_result_init(&result, sizeof result);
  if (topkloss_evaluate(loss, &batch, &result) != TOPKLOSS_OK) return 1;
  topkloss_loss_destroy(loss);
  printf("%.6f\n", result.value);
  return fabs(result.value - log(4.0)) < 1e-12 ? 0 : 1;
}

/*
 * A row's value is the same whether its gradient is wanted or not, also where a logit is so far from the others that its
 * own rounding is more than an exponential can take. Fails where one of the two sweeps counts the rivals from another
 * score than the label (margins without offsets did, of labels 1e8 above).
 */
#include "every_loss.h"

enum { ROWS = 6, MOST_CLASSES = 5000 };

static void compare(int kind, int64_t classes, float far) {
  double values[2];
  float row_values[2][ROWS];
  workload work;
  topkloss_loss *loss = NULL;
  workload_init(&work, ROWS, classes);
  /* The label's, a rival's, and two that differ by a rounding or so. */
  work.logits[work.labels[0]] = far;
  work.logits[classes + (work.labels[1] + 1) % classes] = far;
  work.logits[2 * classes + work.labels[2]] = far;
  work.logits[2 * classes + (work.labels[2] + 1) % classes] = far - fabsf(far) / 8388608.0F;
  work.logits[3 * classes] = far;
  work.logits[4 * classes - 1] = far + fabsf(far) / 8388608.0F;
  CHECK_OK(create_loss(kind, classes, work.counts, TOPKLOSS_SUM, &loss));
  for (int call = 0; call < 2; call++) {
    if (call == 1) work.result.gradient = work.result.multi_label_gradient = NULL;
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    values[call] = work.result.value;
    memcpy(row_values[call], work.row_values, sizeof row_values[call]);
  }
  for (int row = 0; row < ROWS; row++) {
    const double with = row_values[0][row], without = row_values[1][row];
    CHECK(!(fabs(with - without) > 1e-5 * fmax(1.0, fabs(without))) && isnan(with) == isnan(without),
          "%s, %lld classes, %g: row %d is %g, alone %g", loss_kinds[kind].name, (long long)classes, (double)far, row,
          with, without);
  }
  CHECK(memcmp(&values[0], &values[1], sizeof values[0]) == 0 || classes == MOST_CLASSES ||
            (isnan(values[0]) && isnan(values[1])),
        "%s, %lld classes, %g: %g, alone %g", loss_kinds[kind].name, (long long)classes, (double)far, values[0],
        values[1]);
  topkloss_loss_destroy(loss);
  workload_free(&work);
}

int main(void) {
  const float far[] = {100.0F, 1e8F, 1e20F, 1e37F, -1e8F, -1e20F};
  make_loss_kinds();
  for (int kind = 0; kind < loss_kind_count; kind++)
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
      compare(kind, 7, far[i]);
      compare(kind, 100, far[i]);
      if (loss_kinds[kind].has_class_vectors && loss_kinds[kind].cost == 1) compare(kind, MOST_CLASSES, far[i]);
    }
  return check_summary();
}

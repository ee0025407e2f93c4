/*
 * Evaluates one loss twice on one thread, the second time inside measured(), which callgrind counts.
 *
 * Usage: instructions untrained|trained|confident normal|cosines ROWS CLASSES LEVEL
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <topkloss.h>

/* static topkloss_loss *create(void), written for each loss from its options in Python. */
#include CREATE

__attribute__((noinline)) topkloss_status measured(const topkloss_loss *loss, const topkloss_batch *batch,
                                                   topkloss_result *result) {
  return topkloss_evaluate(loss, batch, result);
}

static double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) {
  const double radius = sqrt(-2 * log(uniform(state)));
  return radius * cos(6.283185307179586 * uniform(state));
}

/* Rows as in problems.py, of other random numbers. */
static void fill(float *logits, int64_t *labels, int64_t rows, int64_t classes, int rivals, int cosines) {
  uint64_t state = 1;
  for (int64_t row = 0; row < rows; row++) {
    float *of_row = logits + row * classes;
    for (int64_t c = 0; c < classes; c++) of_row[c] = (float)(cosines ? 2 * uniform(&state) - 1 : normal(&state));
    labels[row] = (int64_t)(uniform(&state) * (double)classes);
    for (int i = 0; i < rivals; i++)
      of_row[(int64_t)(uniform(&state) * (double)classes)] = (float)(7 + 4 * uniform(&state));
    if (rivals > 0) of_row[labels[row]] = 12;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return fputs("usage: instructions KIND LOGITS ROWS CLASSES LEVEL\n", stderr), 2;
  const char *kind = argv[1];
  const int cosines = strcmp(argv[2], "cosines") == 0;
  const int64_t rows = atoll(argv[3]), classes = atoll(argv[4]);
  if (strcmp(topkloss_simd(), argv[5]) != 0) return fprintf(stderr, "no %s here\n", argv[5]), 3;

  const size_t bytes = (size_t)(rows * classes) * sizeof(float);
  float *logits = malloc(bytes), *second = malloc(bytes), *gradient = malloc(bytes), *other = malloc(bytes);
  int64_t *labels = malloc((size_t)rows * sizeof(int64_t));
  if (!logits || !second || !gradient || !other || !labels) return 4;
  const int rivals = strcmp(kind, "trained") == 0 ? 9 : strcmp(kind, "confident") == 0 ? 3 : 0;
  fill(second, labels, rows, classes, 0, 0);
  fill(logits, labels, rows, classes, rivals, cosines);

  topkloss_loss *loss = create();
  if (!loss) return fprintf(stderr, "the loss cannot be made: %s\n", topkloss_last_error()), 5;
  topkloss_set_num_threads(1);
  topkloss_batch batch;
  topkloss_batch_init(&batch, sizeof batch);
  batch.rows = rows;
  batch.classes = classes;
  batch.logits = logits;
  batch.labels = labels;
  batch.multi_label_logits = second;
  topkloss_result result;
  topkloss_result_init(&result, sizeof result);
  result.gradient = gradient;
  result.multi_label_gradient = other;
  if (topkloss_evaluate(loss, &batch, &result) || measured(loss, &batch, &result))
    return fprintf(stderr, "%s\n", topkloss_last_error()), 6;
  topkloss_loss_destroy(loss);
  printf("%.9g\n", result.value);
  return 0;
}

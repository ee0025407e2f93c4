/*
 * The answers of the library on two kinds of processor: written by one, compared with its own by the other. Noise and
 * accuracies are the same bits, values and gradients the same to rounding.
 *
 * Usage: agreement write FILE | agreement compare FILE
 *
 * Fails without: noise made of operations that are rounded alike everywhere, no two of them fused where one is not; the
 * instructions of one kind of kernel meaning what those of the other do.
 */
#include "every_loss.h"

enum { ROWS = 3, MOST_CLASSES = 1000, NOISE = 2 * 3 * MOST_CLASSES };

static const int64_t class_counts[] = {3, 17, 100, MOST_CLASSES};

static FILE *file;
static int is_writing;

/* ---- elements of every type */

static size_t bytes_of(topkloss_dtype dtype) {
  return dtype == TOPKLOSS_FLOAT64 ? 8 : dtype == TOPKLOSS_FLOAT32 ? 4 : 2;
}

/* What rounding leaves of 1: half of the distance from 1 to the next number. */
static double rounding_of(topkloss_dtype dtype) {
  return ldexp(1.0, dtype == TOPKLOSS_FLOAT64   ? -53
                    : dtype == TOPKLOSS_FLOAT32 ? -24
                    : dtype == TOPKLOSS_FLOAT16 ? -11
                                                : -8);
}

/* A number that float16 has: one of 2^-7's multiples below 4. */
static uint16_t float16_of(double number) {
  const double kept = nearbyint(fabs(number) * 128.0) / 128.0;
  const int exponent = kept > 0.0 ? ilogb(kept) : -15;
  const int mantissa = kept > 0.0 ? (int)scalbn(kept, 10 - exponent) - 1024 : 0;
  return (uint16_t)((signbit(number) ? 0x8000 : 0) | (exponent + 15) << 10 | mantissa);
}

static void put(topkloss_dtype dtype, void *elements, size_t index, double number) {
  const float single = (float)number;
  uint32_t bits;
  uint16_t half;
  memcpy(&bits, &single, sizeof bits);
  half = dtype == TOPKLOSS_FLOAT16 ? float16_of(number) : (uint16_t)(bits >> 16);
  memcpy((char *)elements + index * bytes_of(dtype),
         dtype == TOPKLOSS_FLOAT64   ? (const void *)&number
         : dtype == TOPKLOSS_FLOAT32 ? (const void *)&single
                                     : (const void *)&half,
         bytes_of(dtype));
}

static double get(topkloss_dtype dtype, const void *elements, size_t index) {
  const char *const element = (const char *)elements + index * bytes_of(dtype);
  double number;
  float single;
  uint32_t bits = 0;
  uint16_t half;
  memcpy(&number, element, dtype == TOPKLOSS_FLOAT64 ? sizeof number : 0);
  if (dtype == TOPKLOSS_FLOAT64) return number;
  memcpy(&single, element, dtype == TOPKLOSS_FLOAT32 ? sizeof single : 0);
  if (dtype == TOPKLOSS_FLOAT32) return single;
  memcpy(&half, element, sizeof half);
  if (dtype == TOPKLOSS_FLOAT16) {
    const int exponent = half >> 10 & 0x1F;
    const double magnitude = ldexp((half & 0x3FF) + (exponent > 0 ? 1024 : 0), (exponent > 0 ? exponent : 1) - 25);
    return half & 0x8000 ? -magnitude : magnitude;
  }
  bits = (uint32_t)half << 16;
  memcpy(&single, &bits, sizeof single);
  return single;
}

/* ---- the file */

/* Writes the numbers, or compares them: none may differ by more than so many roundings of the largest. */
static void tell(const char *name, const double *numbers, size_t count, double roundings, double rounding) {
  double *const other = required_memory(count * sizeof *other);
  double largest = 0.0;
  double farthest = 0.0;
  if (is_writing) {
    CHECK(fwrite(numbers, sizeof *numbers, count, file) == count, "%s", name);
  } else {
    CHECK(fread(other, sizeof *other, count, file) == count, "%s: the file ends", name);
    for (size_t i = 0; i < count; i++) {
      largest = fmax(largest, fabs(other[i]));
      CHECK(isfinite(other[i]) && isfinite(numbers[i]), "%s: %g and %g", name, other[i], numbers[i]);
      farthest = fmax(farthest, fabs(numbers[i] - other[i]));
    }
    CHECK(farthest <= roundings * rounding * largest, "%s: %g half units of the last place", name,
          farthest / largest / rounding);
  }
  free(other);
}

/* ---- what is compared */

static void noise(void) {
  float *const drawn = required_memory(NOISE * sizeof(float));
  double *const numbers = required_memory(NOISE * sizeof(double));
  CHECK_OK(topkloss_standard_normal(UINT64_C(0x9E3779B97F4A7C15), 3, INT64_C(1) << 40, 2, 3, MOST_CLASSES, drawn));
  for (size_t i = 0; i < NOISE; i++) numbers[i] = drawn[i];
  tell("noise", numbers, NOISE, 0.0, 0.0);
  free(numbers);
  free(drawn);
}

static void loss(int kind, topkloss_dtype dtype, workload *work) {
  const size_t count = (size_t)(ROWS * work->batch.classes);
  double *const numbers = required_memory(count * sizeof *numbers);
  topkloss_loss *made = NULL;
  char name[sizeof loss_kinds->name + 64];
  snprintf(name, sizeof name, "%.*s, type %d, %d classes", (int)sizeof loss_kinds->name, loss_kinds[kind].name, (int)dtype,
           (int)work->batch.classes);
  CHECK_OK(create_loss(kind, work->batch.classes, work->counts, TOPKLOSS_MEAN, &made));
  CHECK_OK(topkloss_evaluate(made, &work->batch, &work->result));
  tell(name, &work->result.value, 1, 64.0, rounding_of(dtype == TOPKLOSS_FLOAT64 ? dtype : TOPKLOSS_FLOAT32));
  for (size_t i = 0; i < count; i++) numbers[i] = get(dtype, work->result.gradient, i);
  tell(name, numbers, count, 64.0, rounding_of(dtype));
  topkloss_loss_destroy(made);
  free(numbers);
}

static void accuracy(const workload *work) {
  double found;
  CHECK_OK(topkloss_topk_accuracy(NULL, &work->batch, &found));
  tell("accuracy", &found, 1, 0.0, 0.0);
}

static void evaluate(topkloss_dtype dtype, int64_t classes) {
  uint64_t state = (uint64_t)classes;
  workload work;
  /* Of float32, in which there is room for half as many rows of float64. */
  workload_init(&work, 2 * ROWS, classes);
  work.batch.rows = ROWS;
  work.batch.dtype = dtype;
  for (size_t i = 0; i < (size_t)(ROWS * classes); i++) {
    put(dtype, work.logits, i, random_within(&state, 3.0));
    put(dtype, work.multi_label_logits, i, random_within(&state, 3.0));
  }
  for (int kind = 0; kind < loss_kind_count; kind++) loss(kind, dtype, &work);
  accuracy(&work);
  workload_free(&work);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  is_writing = strcmp(arguments[1], "write") == 0;
  file = fopen(arguments[2], is_writing ? "wb" : "rb");
  if (file == NULL) return 2;
  make_loss_kinds();
  noise();
  for (topkloss_dtype dtype = 0; dtype <= TOPKLOSS_BFLOAT16; dtype++)
    for (size_t i = 0; i < sizeof class_counts / sizeof *class_counts; i++) evaluate(dtype, class_counts[i]);
  CHECK(fclose(file) == 0, "%s", arguments[2]);
  return check_summary();
}

/*
 * Calls with arguments of every kind, sensible and not, a fixed number of them and the same ones every time. Whatever
 * comes, a call returns; one that fails has written nothing; and no byte outside the output, nor any input, changes.
 * Pointers are valid for the sizes that can pass the checks: that much the interface asks for.
 *
 * Usage: hostile [ITERATIONS [SEED]]
 */
#include "hostile_buffers.h"

static double vectors[MAX_CLASSES];
static int64_t classes_of_loss;

/* Mostly a sensible option, so that many calls get past creation. */
static double option(double sensible) { return rarely(20) ? strange_number() : sensible; }

/* Numbers that no check may let pass as a number of classes, rows or samples. */
static int64_t impossible_size(void) {
  static const int64_t numbers[] = {-1, INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1,
                                    INT64_MAX / 2 + 1};
  return numbers[random_below(&state, (int64_t)(sizeof numbers / sizeof *numbers))];
}

static int32_t enumerator(int32_t count) {
  static const int32_t strangers[] = {-1, 4, 100, INT32_MIN, INT32_MAX};
  return rarely(60) ? strangers[random_below(&state, 5)] : (int32_t)random_below(&state, count);
}

static topkloss_status create_cross_entropy(const double *weight, topkloss_loss **out) {
  topkloss_cross_entropy_options options;
  topkloss_cross_entropy_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = (int32_t)random_below(&state, 3) - 1;
  options.ignore_index = random_below(&state, 4) - 2;
  options.classes = weight == NULL ? 0 : classes_of_loss;
  options.class_weight = weight;
  options.label_smoothing = option(0.1);
  return topkloss_cross_entropy_create(rarely(10) ? NULL : &options, out);
}

static topkloss_status create_logit_adjusted(const double *counts, const double *weight,
                                             topkloss_loss **out) {
  topkloss_logit_adjusted_options options;
  topkloss_logit_adjusted_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.count_smoothing = option(0.0);
  options.class_weight = weight;
  options.tau = option(1.0);
  return topkloss_logit_adjusted_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_ldam(const double *counts, const double *weight,
                                   topkloss_loss **out) {
  topkloss_ldam_options options;
  topkloss_ldam_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.class_weight = weight;
  options.label_smoothing = option(0.0);
  options.max_margin = option(0.5);
  options.scale = option(30.0);
  return topkloss_ldam_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_elm(const double *counts, const double *weight,
                                  topkloss_loss **out) {
  topkloss_elm_options options;
  topkloss_elm_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.class_weight = weight;
  options.max_margin = option(0.5);
  options.scale = option(30.0);
  options.lam = option(1.0);
  return topkloss_elm_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_noised_topk(const double *counts, topkloss_loss **out) {
  topkloss_noised_topk_options options;
  topkloss_noised_topk_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.k = rarely(15) ? impossible_size() : 1 + random_below(&state, 6);
  options.n_samples = rarely(15) ? impossible_size() : 1 + random_below(&state, MAX_SAMPLES);
  options.seed = random_word(&state);
  options.epsilon = option(0.5);
  options.margin = option(1.0);
  options.scale = option(1.0);
  options.classes = rarely(2) ? classes_of_loss : 0;
  options.class_counts = options.classes != 0 ? counts : NULL;
  options.max_margin = option(0.5);
  options.estimator = enumerator(1);
  return topkloss_noised_topk_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_random(topkloss_loss **out) {
  const double *const counts = rarely(15) ? NULL : vectors;
  const double *const weight = rarely(3) ? vectors : NULL;
  classes_of_loss = rarely(20) ? impossible_size() : 1 + random_below(&state, MAX_CLASSES);
  for (int c = 0; c < MAX_CLASSES; c++)
    vectors[c] = rarely(400) ? strange_number() : 1.0 + (double)random_below(&state, 1000);
  switch (random_below(&state, 5)) {
    case 0: return create_cross_entropy(weight, out);
    case 1: return create_logit_adjusted(counts, weight, out);
    case 2: return create_ldam(counts, weight, out);
    case 3: return create_elm(counts, weight, out);
    default: return create_noised_topk(counts, out);
  }
}

static void run_backwards(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = count - 1; index >= 0; index--) task(task_context, index);
}

static void run_some(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = 0; index < count; index += 2) task(task_context, index);
}

/* A stride that fits the buffers, of either sign, or one that must be refused. */
static int64_t stride_of(int64_t classes) {
  int64_t stride;
  if (rarely(4)) return 0;
  if (rarely(40)) return impossible_size();
  stride = classes + random_below(&state, MAX_STRIDE - classes + 1);
  return rarely(3) ? -stride : stride;
}

static unsigned char *middle(const buffer *matrix) {
  return matrix->bytes + matrix->size / 2 + (size_t)random_below(&state, 8);
}

static void describe_output(const topkloss_batch *batch, int64_t classes, topkloss_result *result) {
  topkloss_result_init(result, sizeof *result);
  result->value = 77.0;
  result->total_weight = 77.0;
  result->row_values = rarely(3) ? NULL : buffers[ROW_VALUES].bytes + GUARD;
  if (rarely(4)) return;
  result->gradient = middle(&buffers[GRADIENT]);
  result->gradient_row_stride = rarely(2) ? batch->logits_row_stride : stride_of(classes);
  if (rarely(3) && batch->logits != NULL) {
    result->gradient =
        buffers[LOGITS].bytes + ((const unsigned char *)batch->logits - buffers[LOGITS].bytes);
    if (!rarely(5)) result->gradient_row_stride = batch->logits_row_stride;
  }
  if (rarely(60)) result->struct_size = (size_t)random_below(&state, 200);
}

static void describe(topkloss_batch *batch, topkloss_result *result,
                     const topkloss_executor *executor) {
  const int64_t most_rows = rarely(100) ? MANY_ROWS : FEW_ROWS;
  const int64_t rows = random_below(&state, most_rows + 1);
  const int has_classes = classes_of_loss > 0 && classes_of_loss <= MAX_CLASSES;
  const int64_t classes =
      has_classes && !rarely(10) ? classes_of_loss : 1 + random_below(&state, MAX_CLASSES);
  set_sizes(most_rows);
  topkloss_batch_init(batch, sizeof *batch);
  batch->rows = rarely(50) ? impossible_size() : rows;
  batch->classes = rarely(50) ? impossible_size() : classes;
  batch->dtype = enumerator(4);
  batch->label_type = enumerator(2);
  batch->logits = rarely(60) ? NULL : middle(&buffers[LOGITS]);
  batch->logits_row_stride = stride_of(classes);
  batch->labels = rarely(60) ? NULL : buffers[LABELS].bytes + GUARD;
  if (rarely(3)) batch->sample_weight = (const double *)(void *)(buffers[WEIGHTS].bytes + GUARD);
  if (rarely(3)) batch->upstream = (const double *)(void *)(buffers[WEIGHTS].bytes + GUARD);
  if (rarely(2)) {
    batch->noise = buffers[NOISE].bytes + buffers[NOISE].size / 2;
    batch->noise_sample_stride = rarely(2) ? 0 : stride_of(classes);
    batch->noise_row_stride = rarely(2) ? 0 : stride_of(classes);
  }
  batch->step = random_word(&state);
  batch->first_row = rarely(20) ? impossible_size() : random_below(&state, 1000);
  batch->executor = rarely(2) ? executor : NULL;
  if (rarely(60)) batch->struct_size = (size_t)impossible_size();
  describe_output(batch, classes, result);
  fill_buffers(batch->dtype, batch->noise != NULL);
}

static long evaluations = 0;
static long outcomes[12] = {0};

static void allow_output(const topkloss_batch *batch, const topkloss_result *result) {
  static const int64_t sizes[] = {4, 8, 2, 2};
  const int64_t element = sizes[batch->dtype];
  if (result->gradient != NULL)
    allow(&buffers[result->gradient == batch->logits ? LOGITS : GRADIENT], result->gradient,
          batch->rows, batch->classes, result->gradient_row_stride, element);
  if (result->row_values != NULL)
    memset(buffers[ROW_VALUES].may_change + GUARD, 1, (size_t)(batch->rows * element));
}

static void evaluate_random(const topkloss_loss *loss) {
  topkloss_executor executor = {sizeof executor, rarely(2) ? run_some : run_backwards, NULL, 4};
  topkloss_batch batch;
  topkloss_result result;
  topkloss_status status;
  if (rarely(20)) executor.parallel_for = NULL;
  if (rarely(20)) executor.concurrency = enumerator(1);
  describe(&batch, &result, &executor);
  topkloss_set_num_threads(1 + (int32_t)random_below(&state, 3));
  status = topkloss_evaluate(loss, &batch, &result);
  evaluations++;
  CHECK(status >= 0 && status < 12, "status %d", status);
  if (status >= 0 && status < 12) outcomes[status]++;
  if (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR)
    allow_output(&batch, &result);
  else
    CHECK(result.value == 77.0 && result.total_weight == 77.0, "the result was written");
  CHECK(status == TOPKLOSS_OK || topkloss_last_error()[0] != '\0', "no message");
  expect_no_stray_write();
}

static void look_at_random_batch(void) {
  topkloss_batch batch;
  topkloss_result result;
  topkloss_logit_adjust_options adjust;
  topkloss_topk_accuracy_options accuracy;
  double share = 77.0;
  topkloss_status status;
  describe(&batch, &result, NULL);
  topkloss_logit_adjust_options_init(&adjust, sizeof adjust);
  adjust.classes = rarely(5) ? impossible_size() : batch.classes;
  adjust.class_counts = rarely(10) ? NULL : vectors;
  adjust.count_smoothing = option(0.0);
  adjust.tau = option(1.0);
  topkloss_topk_accuracy_options_init(&accuracy, sizeof accuracy);
  accuracy.k = rarely(5) ? impossible_size() : random_below(&state, 50);
  accuracy.average = enumerator(2);
  status = topkloss_topk_accuracy(&accuracy, &batch, &share);
  CHECK(status == TOPKLOSS_OK ? share >= 0.0 && share <= 1.0 : share == 77.0, "%s: %g",
        topkloss_status_name(status), share);
  expect_no_stray_write();
  result.row_values = NULL;
  status = topkloss_logit_adjust(&adjust, &batch, result.gradient, result.gradient_row_stride);
  if (status == TOPKLOSS_OK) allow_output(&batch, &result);
  expect_no_stray_write();
}

static void draw_random_noise(void) {
  const int64_t rows = rarely(10) ? impossible_size() : random_below(&state, FEW_ROWS);
  const int64_t samples = rarely(10) ? impossible_size() : random_below(&state, MAX_SAMPLES);
  const int64_t classes = rarely(10) ? impossible_size() : random_below(&state, MAX_CLASSES);
  float *const noise = rarely(20) ? NULL : (float *)(void *)(buffers[NOISE].bytes + GUARD);
  topkloss_status status;
  set_sizes(FEW_ROWS);
  fill_buffers(TOPKLOSS_FLOAT32, 1);
  status = topkloss_standard_normal(random_word(&state), random_word(&state),
                                    rarely(9) ? -1 : random_below(&state, INT64_MAX), rows, samples,
                                    classes, noise);
  if (status == TOPKLOSS_OK)
    memset(buffers[NOISE].may_change + GUARD, 1, (size_t)(rows * samples * classes * 4));
  expect_no_stray_write();
}

int main(int count, char **arguments) {
  const long iterations = count > 1 ? atol(arguments[1]) : 10000;
  state = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
  make_buffers();
  for (long i = 0; i < iterations; i++) {
    topkloss_loss *loss = NULL;
    const topkloss_status status = create_random(&loss);
    CHECK((status == TOPKLOSS_OK) == (loss != NULL), "%s", topkloss_status_name(status));
    for (int calls = 0; calls < (loss != NULL ? 3 : rarely(10)); calls++) evaluate_random(loss);
    topkloss_loss_destroy(loss);
    if (rarely(3)) look_at_random_batch();
    if (rarely(10)) draw_random_noise();
  }
  /* Were the arguments too hostile, or too friendly, little would have been tried. */
  CHECK(outcomes[TOPKLOSS_OK] > evaluations / 3 && outcomes[TOPKLOSS_OK] < evaluations * 9 / 10,
        "%ld of %ld calls succeeded", outcomes[TOPKLOSS_OK], evaluations);
  CHECK(iterations < 10000 || outcomes[TOPKLOSS_ERROR_EXECUTOR] > 0, "no executor dropped tasks");
  free_buffers();
  return check_summary();
}

/*
 * The floating-point environment is the host's, and results do not depend on it. Ordinary rows raise no exception that
 * a host may have made fatal, and none is met where they are fatal. After every call, and every task that the host runs
 * for one, rounding and the treatment of subnormal numbers are as they were.
 */
#define _GNU_SOURCE
#include "every_loss.h"
#include "floating_point.h"

enum { ROWS = 40, CLASSES = 53, MANY_ROWS = 3000 };

static const unsigned flush_modes[] = FLUSH_MODES;

/* ---- exceptions */

/* The flags of exceptions are the host's: none is added, and one that is raised stays, alone. Fails where the flags' register
 * is not put back. */
static void expect_flags(int raised, const char *name) {
  CHECK(fetestexcept(FE_ALL_EXCEPT) == raised, "%s: flags %x, not %x", name, fetestexcept(FE_ALL_EXCEPT), raised);
}

static void exceptions(void) {
  double accuracy = -1.0;
  workload work;
  workload_init(&work, ROWS, CLASSES);
  for (int64_t row = 0; row < ROWS; row++) {
    const int64_t masked = (work.labels[row] + 1) % CLASSES;
    work.logits[row * CLASSES + masked] = -INFINITY;
    work.logits[row * CLASSES + (work.labels[row] + 2) % CLASSES] = -3e4F;
  }
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    feclearexcept(FE_ALL_EXCEPT);
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    expect_flags(0, loss_kinds[kind].name);
    feraiseexcept(FE_DIVBYZERO);
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    expect_flags(FE_DIVBYZERO, loss_kinds[kind].name);
    topkloss_loss_destroy(loss);
  }
  feclearexcept(FE_ALL_EXCEPT);
  CHECK_OK(topkloss_topk_accuracy(NULL, &work.batch, &accuracy));
  expect_flags(0, "accuracy");
  workload_free(&work);
}

/* ---- the control word */

static unsigned expected_control;
static int64_t tasks_run;

/* The host's threads are its own too: each task leaves the one that it ran on as it was. */
static void run_and_look(void *name, int64_t count, topkloss_task task, void *task_context) {
  for (int64_t index = 0; index < count; index++) {
    task(task_context, index);
    tasks_run++;
    CHECK(control() == expected_control, "%s: %x became %x in task %lld", (const char *)name, expected_control,
          control(), (long long)index);
  }
}

static topkloss_executor watching_executor(const char *name) {
  topkloss_executor executor;
  char *const context = (char *)(uintptr_t)name;
  topkloss_executor_init(&executor, sizeof executor);
  executor.parallel_for = run_and_look;
  executor.context = context;
  executor.concurrency = 3;
  return executor;
}

/* Rows that leave a kernel early, each in its way: whoever sets a control for a row must take it back there too. */
static void make_rows_strange(workload *work) {
  for (int64_t c = 0; c < CLASSES; c++) {
    work->logits[c] = -INFINITY;
    work->logits[CLASSES + c] = NAN;
    work->logits[2 * CLASSES + c] = c % 2 == 0 ? 1e38F : -1e38F;
    work->logits[3 * CLASSES + c] = 0.0F;
    work->logits[4 * CLASSES + c] = 1e-40F;
    if (c > 1) work->logits[5 * CLASSES + c] = -INFINITY;
  }
  work->logits[6 * CLASSES + 7] = INFINITY;
  work->logits[7 * CLASSES + 7] = NAN;
  work->labels[8] = TOPKLOSS_IGNORE_INDEX;
}

static void expect_control(const char *name, const char *when) {
  CHECK(control() == expected_control, "%s %s: %x became %x", name, when, expected_control, control());
}

/* `many` rows are work enough to be split into tasks. */
static void evaluate_and_look(workload *work, workload *many, int kind) {
  const char *const name = loss_kinds[kind].name;
  const topkloss_executor executor = watching_executor(name);
  topkloss_loss *loss = NULL;
  CHECK_OK(create_loss(kind, CLASSES, work->counts, TOPKLOSS_MEAN, &loss));
  expect_control(name, "created");
  for (int64_t row = 0; row < 10; row++) {
    /* One row alone: nothing that a later one does can mend what it left. */
    workload one = *work;
    one.batch.rows = 1;
    one.batch.logits = work->logits + row * CLASSES;
    one.batch.labels = work->labels + row;
    CHECK_OK(topkloss_evaluate(loss, &one.batch, &one.result));
    expect_control(name, "evaluated one row");
    one.result.gradient = NULL;
    CHECK_OK(topkloss_evaluate(loss, &one.batch, &one.result));
    expect_control(name, "evaluated one row without a gradient");
  }
  CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
  expect_control(name, "evaluated");
  many->batch.rows = MANY_ROWS / loss_kinds[kind].cost;
  many->batch.executor = &executor;
  tasks_run = 0;
  CHECK_OK(topkloss_evaluate(loss, &many->batch, &many->result));
  expect_control(name, "evaluated on the host's threads");
  CHECK(tasks_run > 1, "%s: %lld tasks", name, (long long)tasks_run);
  CHECK(topkloss_evaluate(loss, NULL, NULL) != TOPKLOSS_OK, "no error");
  expect_control(name, "refused");
  topkloss_loss_destroy(loss);
}

static void help_and_look(workload *work) {
  double accuracy;
  double weights[CLASSES];
  int64_t indptr[ROWS + 1];
  topkloss_threshold threshold;
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  CHECK_OK(topkloss_average_k_threshold(1.5, &work->batch, &threshold));
  expect_control("average_k_threshold", "called");
  CHECK_OK(topkloss_predict_sets(&threshold, 1, &work->batch, indptr, NULL, 0));
  expect_control("predict_sets", "called");
  CHECK_OK(topkloss_topk_accuracy(NULL, &work->batch, &accuracy));
  expect_control("topk_accuracy", "called");
  CHECK_OK(topkloss_effective_number(CLASSES, work->counts, 0.999, weights));
  expect_control("effective_number", "called");
}

static void look_everywhere(void) {
  for (int is_strange = 0; is_strange < 2; is_strange++) {
    workload work;
    workload many;
    workload_init(&work, ROWS, CLASSES);
    workload_init(&many, MANY_ROWS, CLASSES);
    if (is_strange) make_rows_strange(&work);
    if (is_strange) make_rows_strange(&many);
    expected_control = control();
    for (int kind = 0; kind < loss_kind_count; kind++) evaluate_and_look(&work, &many, kind);
    help_and_look(&work);
    workload_free(&work);
    workload_free(&many);
  }
}

static void controls(void) {
  const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  CHECK(subnormals_work(), "no subnormal numbers to begin with");
  for (int i = 0; i < 4; i++) {
    CHECK(fesetround(modes[i]) == 0, "mode %d", modes[i]);
    look_everywhere();
  }
  fesetround(FE_TONEAREST);
  CHECK(subnormals_work(), "subnormal numbers are gone");
  for (size_t i = 0; i < sizeof flush_modes / sizeof *flush_modes; i++) {
    const unsigned before = control();
    set_control(before | flush_modes[i]);
    CHECK(!subnormals_work(), "mode %x keeps subnormal numbers", flush_modes[i]);
    look_everywhere();
    set_control(before);
  }
}

/* ---- results */

/* The same bits, whatever the host's environment is, on the library's own threads as on the caller's. */
static void expect_same_results(workload *expected, workload *work, topkloss_loss *loss, const char *name) {
  const size_t bytes = sizeof(float) * (size_t)(work->batch.rows * CLASSES);
  for (int threads = 1; threads <= 3; threads += 2) {
    CHECK_OK(topkloss_set_num_threads(threads));
    CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
    CHECK(memcmp(&expected->result.value, &work->result.value, sizeof(double)) == 0, "%s: another value", name);
    CHECK(memcmp(expected->gradient, work->gradient, bytes) == 0, "%s: another gradient", name);
  }
}

static void results_are_the_same(void) {
  const int modes[] = {FE_DOWNWARD, FE_UPWARD};
  workload expected;
  workload work;
  workload_init(&expected, MANY_ROWS, CLASSES);
  workload_init(&work, MANY_ROWS, CLASSES);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    const char *const name = loss_kinds[kind].name;
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    expected.batch.rows = work.batch.rows = MANY_ROWS / loss_kinds[kind].cost;
    CHECK_OK(topkloss_evaluate(loss, &expected.batch, &expected.result));
    for (int i = 0; i < 2; i++) {
      CHECK(fesetround(modes[i]) == 0, "mode %d", modes[i]);
      expect_same_results(&expected, &work, loss, name);
    }
    fesetround(FE_TONEAREST);
    {
      const unsigned before = control();
      set_control(before | flush_modes[sizeof flush_modes / sizeof *flush_modes - 1]);
      expect_same_results(&expected, &work, loss, name);
      set_control(before);
    }
    topkloss_loss_destroy(loss);
  }
  CHECK_OK(topkloss_set_num_threads(0));
  workload_free(&expected);
  workload_free(&work);
}

/* A host that traps exceptions is ended by none of ours: those of strange rows, and of helpers that divide by 0. */
static void traps_are_not_met(void) {
#if defined(__GLIBC__)
  double weights[3];
  double accuracies[3];
  int64_t indptr[ROWS + 1];
  const double counts[3] = {5.0, 50.0, 500.0};
  workload work;
  topkloss_threshold threshold;
  topkloss_shot_accuracy_options shots;
  workload_init(&work, ROWS, CLASSES);
  make_rows_strange(&work);
  feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    topkloss_loss_destroy(loss);
  }
  CHECK_OK(topkloss_effective_number(3, counts, 0.0, weights));
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  threshold.value = 1e300;
  CHECK_OK(topkloss_predict_sets(&threshold, 1, &work.batch, indptr, NULL, 0));
  CHECK_OK(topkloss_shot_accuracy_options_init(&shots, sizeof shots));
  shots.classes = CLASSES;
  shots.class_counts = work.counts;
  CHECK_OK(topkloss_shot_accuracy(&shots, &work.batch, accuracies));
  fedisableexcept(FE_ALL_EXCEPT);
  workload_free(&work);
#endif
}

/* ---- subnormal results */

/*
 * Gradients so small that all are subnormal, on the library's own threads, before and after a loss that may have
 * switched such numbers off on any of them.
 */
static void subnormal_gradients(void) {
  const size_t bytes = sizeof(float) * MANY_ROWS * CLASSES;
  const double tiny = 1e-38;
  float *const before = required_memory(bytes);
  topkloss_loss *plain = NULL;
  int64_t subnormal = 0;
  workload work;
  workload_init(&work, MANY_ROWS, CLASSES);
  CHECK_OK(create_loss(kind_named("single_positive 0"), CLASSES, work.counts, TOPKLOSS_SUM, &plain));
  work.batch.upstream = &tiny;
  CHECK_OK(topkloss_evaluate(plain, &work.batch, &work.result));
  memcpy(before, work.gradient, bytes);
  for (size_t i = 0; i < bytes / sizeof(float); i++) subnormal += fpclassify(before[i]) == FP_SUBNORMAL;
  CHECK(subnormal == MANY_ROWS * CLASSES, "%lld numbers are subnormal", (long long)subnormal);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    work.batch.upstream = NULL;
    work.batch.rows = MANY_ROWS / loss_kinds[kind].cost;
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    topkloss_loss_destroy(loss);
    CHECK(subnormals_work(), "%s leaves no subnormal numbers", loss_kinds[kind].name);
    work.batch.upstream = &tiny;
    work.batch.rows = MANY_ROWS;
    CHECK_OK(topkloss_evaluate(plain, &work.batch, &work.result));
    CHECK(memcmp(before, work.gradient, bytes) == 0, "%s changes subnormal gradients", loss_kinds[kind].name);
  }
  topkloss_loss_destroy(plain);
  workload_free(&work);
  free(before);
}

int main(void) {
  make_loss_kinds();
  CHECK_OK(topkloss_set_num_threads(1));
  exceptions();
  controls();
  for (int32_t threads = 1; threads <= 4; threads += 3) {
    CHECK_OK(topkloss_set_num_threads(threads));
    subnormal_gradients();
  }
  results_are_the_same();
  traps_are_not_met();
  return check_summary();
}

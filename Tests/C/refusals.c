/*
 * What is refused keeps no memory: every create function with every member of its options wrong, one at a time, and
 * every function with every part of a batch wrong. (hostile.c does the same with random arguments.)
 *
 * Fails without: checks in front of the allocations of a loss, whose initialisers do not throw.
 */
#include "every_function.h"
#include "interpose.h"

enum { ROWS = 12, CLASSES = 7 };

static long refused = 0;

/* ---- options */

/* Creates a loss of these options, which should be refused, and counts what is then kept. */
static void try_options(int kind, const any_options *options, const char *member) {
  topkloss_loss *loss = NULL;
  const long before = live_bytes();
  const topkloss_status status = loss_kinds[kind].type->create(options, &loss);
  refused += status != TOPKLOSS_OK;
  CHECK((status == TOPKLOSS_OK) == (loss != NULL), "%s", topkloss_status_name(status));
  topkloss_loss_destroy(loss);
  CHECK(live_bytes() == before, "%s with another %s, %s: %ld bytes are kept", loss_kinds[kind].name, member,
        topkloss_status_name(status), live_bytes() - before);
}

static void try_numbers(int kind, const any_options *good, const option_member *member) {
  static const double wrong[] = {NAN, INFINITY, -INFINITY, -1.0, 0.0, 0.5, 1e300, -1e300};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    any_options options = *good;
    SET_OPTION(&options, member, double, wrong[i]);
    try_options(kind, &options, member->name);
  }
}

static void try_integers(int kind, const any_options *good, const option_member *member) {
  static const int64_t wrong[] = {-1, 0, INT64_MIN, INT64_MAX, INT64_MAX / 2, 1};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    any_options options = *good;
    SET_OPTION(&options, member, int64_t, wrong[i]);
    try_options(kind, &options, member->name);
  }
}

static void try_codes(int kind, const any_options *good, const option_member *member) {
  static const int32_t wrong[] = {-1, 99, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    any_options options = *good;
    SET_OPTION(&options, member, int32_t, wrong[i]);
    try_options(kind, &options, member->name);
  }
}

static void try_vectors(int kind, const any_options *good, const option_member *member) {
  static const double wrong[] = {NAN, INFINITY, -1.0, 0.0, 1e308, -1e308};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    for (int place = 0; place <= CLASSES; place++) {
      double vector[CLASSES];
      any_options options = *good;
      /* After the last place: all are wrong. */
      for (int c = 0; c < CLASSES; c++) vector[c] = c == place || place == CLASSES ? wrong[i] : 1.0 + c;
      SET_OPTION(&options, member, double *, vector);
      try_options(kind, &options, member->name);
    }
  }
  {
    any_options options = *good;
    SET_OPTION(&options, member, double *, NULL);
    try_options(kind, &options, member->name);
  }
}

static void try_sizes(int kind, const any_options *good) {
  static const size_t wrong[] = {0, 1, sizeof(size_t), 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    any_options options = *good;
    memcpy(options.bytes, &wrong[i], sizeof wrong[i]);
    try_options(kind, &options, "struct_size");
  }
}

static void refuse_options(const double *counts) {
  for (int kind = 0; kind < loss_kind_count; kind++) {
    const any_options good = good_options(kind, CLASSES, counts, TOPKLOSS_MEAN);
    const loss_type *const type = loss_kinds[kind].type;
    refused = 0;
    for (int32_t i = 0; i < type->member_count; i++) {
      const option_member *const member = &type->members[i];
      if (member->kind == OPTION_NUMBER) try_numbers(kind, &good, member);
      if (member->kind == OPTION_INTEGER || member->kind == OPTION_CLASSES) try_integers(kind, &good, member);
      if (member->kind == OPTION_CODE) try_codes(kind, &good, member);
      if (member->kind == OPTION_VECTOR) try_vectors(kind, &good, member);
    }
    try_sizes(kind, &good);
    CHECK(refused > type->member_count, "%s: %ld options refused", loss_kinds[kind].name, refused);
  }
}

/* ---- batches */

static void run_nothing(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context, (void)count, (void)task, (void)task_context;
}

/* Calls every function, most of which refuse this batch. */
static void try_batch(caller *own, const char *wrong) {
  refused = 0;
  for (int which = 0; which < function_count(); which++) {
    const long before = live_bytes();
    answer found;
    if (other_functions[which < loss_kind_count ? 0 : which - loss_kind_count] == refusal_of_a_label) continue;
    found = call_function(which, own);
    refused += found.status != TOPKLOSS_OK;
    topkloss_trim();
    CHECK(live_bytes() == before, "%s with wrong %s, %s: %ld bytes are kept", function_name(which), wrong,
          topkloss_status_name(found.status), live_bytes() - before);
  }
  CHECK(refused > 0, "wrong %s are accepted", wrong);
}

#define TRY_BATCH(member, value)            \
  do {                                      \
    own.work.batch = good;                  \
    own.work.batch.member = (value);        \
    try_batch(&own, #member);               \
  } while (0)

static void refuse_batches(void) {
  const double not_finite[ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, NAN};
  const double negative[ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1};
  int64_t labels[ROWS] = {0};
  topkloss_executor executor;
  caller own;
  topkloss_batch good;
  caller_init(&own, ROWS, CLASSES);
  good = own.work.batch;
  labels[ROWS - 1] = CLASSES;
  CHECK_OK(topkloss_executor_init(&executor, sizeof executor));
  TRY_BATCH(struct_size, 3);
  TRY_BATCH(rows, -1);
  TRY_BATCH(dtype, 9);
  TRY_BATCH(label_type, 9);
  TRY_BATCH(logits, NULL);
  TRY_BATCH(labels, NULL);
  TRY_BATCH(labels, labels);
  TRY_BATCH(logits_row_stride, INT64_MAX / 2);
  TRY_BATCH(logits_class_stride, INT64_MIN);
  TRY_BATCH(rows_per_group, 5);
  TRY_BATCH(sample_weight, not_finite);
  TRY_BATCH(sample_weight, negative);
  TRY_BATCH(upstream, &not_finite[ROWS - 1]);
  TRY_BATCH(executor, &executor);
  executor.concurrency = 3;
  executor.parallel_for = run_nothing;
  own.work.batch = good;
  caller_free(&own);
  /* Enough work to be given to the executor. */
  caller_init(&own, 3000, CLASSES);
  good = own.work.batch;
  TRY_BATCH(executor, &executor);
  own.work.batch = good;
  caller_free(&own);
}

int main(void) {
  caller own;
  answer unused[MOST_FUNCTIONS];
  make_loss_kinds();
  CHECK_OK(topkloss_set_num_threads(1));
  caller_init(&own, ROWS, CLASSES);
  /* What a thread keeps from its first call on. */
  call_all(&own, unused);
  topkloss_trim();
  refuse_options(own.work.counts);
  caller_free(&own);
  refuse_batches();
  return check_summary();
}

/*
 * What frames carry besides logits and labels: noise, steps, thresholds and upstream, wrong ones too, and slices that places
 * share. Each array ends where memory that may be read does.
 */
#define _GNU_SOURCE
#include "xla_operands.h"

#include "interpose.h"

enum { SAMPLES = 5 };

/* One of 5 samples a row. */
static void make_noised(wide *to, int has_noise) {
  begin(to, "noised_topk", 0);
  set_option(to, "k", 2);
  set_option(to, "n_samples", SAMPLES);
  add_heads(to, 1);
  if (has_noise) {
    float *noise = guarded(sizeof(float) * ROWS * SAMPLES * CLASSES);
    for (int i = 0; i < ROWS * SAMPLES * CLASSES; i++) noise[i] = (float)(i * 5 % 13) / 7 - 1;
    add(to, 0, "noise", XLA_F32, noise, 3, ROWS, SAMPLES, CLASSES);
  } else {
    uint32_t *step = guarded(2 * sizeof *step);
    step[0] = 1;
    step[1] = 7;
    add(to, 0, "step", XLA_U32, step, 1, 2, 0, 0);
  }
}

static void make_two_heads(wide *to) {
  begin(to, "two_head_average_k", 1);
  set_number(to, "k", 2);
  set_number(to, "threshold_decay", 0.5);
  add_heads(to, 2);
  float *threshold = guarded(2 * sizeof *threshold);
  threshold[0] = 0.25f;
  add(to, 0, "threshold", XLA_F32, &threshold[0], 0, 0, 0, 0);
  add(to, 1, "threshold", XLA_F32, &threshold[1], 0, 0, 0, 0);
}

static void make_shared(wide *to, int64_t places, int64_t classes) {
  begin(to, "cross_entropy", 0);
  float *logits = guarded(sizeof(float) * (size_t)(ROWS * classes));
  for (int64_t i = 0; i < ROWS * classes; i++) logits[i] = (float)(i * 7 % 11) / 3;
  int32_t *labels = guarded(sizeof(int32_t) * (size_t)(places * ROWS));
  for (int i = 0; i < places * ROWS; i++) labels[i] = i % (int)classes;
  add(to, 0, "logits", XLA_F32, logits, 3, 1, ROWS, classes);
  add(to, 0, "labels", XLA_S32, labels, 2, places, ROWS, 0);
  add(to, 1, "values", XLA_F32, guarded(sizeof(float) * (size_t)(places * ROWS)), 2, places, ROWS, 0);
}

/* The state decides how much is read, whatever the attributes say by the time of the call. */
static void samples_are_those_of_the_state(void) {
  wide one;
  make_noised(&one, 1);
  CHECK(run_wide(&one, XLA_INSTANTIATE) == NULL, "%s", the_error.message);
  CHECK(run_wide(&one, XLA_EXECUTE) == NULL, "%s", the_error.message);
  change_option(&one, "n_samples", 1);
  one.buffers[0][2].dims[1] = 1;
  one.buffers[0][2].data = guarded(sizeof(float) * ROWS * CLASSES);
  const char *words = run_wide(&one, XLA_EXECUTE);
  CHECK(words && strstr(words, "an axis of noise is 1 long, and must be 5"), "%s", words ? words : "read");
  state_deleter(kept_state);
  kept_state = NULL;
  give_back(&one);
}

#define REFUSED(words, make, ...)                                                                        \
  do {                                                                                                   \
    wide one;                                                                                            \
    make;                                                                                                \
    __VA_ARGS__;                                                                                         \
    const char *found = run_wide(&one, XLA_EXECUTE);                                                     \
    CHECK(found && strstr(found, words), "%s: %s", #__VA_ARGS__, found ? found : "nothing was refused"); \
    give_back(&one);                                                                                     \
  } while (0)

static void refused_by_name(void) {
  REFUSED("noise has elements of type 12", make_noised(&one, 1), one.buffers[0][2].dtype = XLA_F64);
  REFUSED("noise has 2 axes, and must have 3", make_noised(&one, 1), one.buffers[0][2].rank = 2);
  REFUSED("an axis of noise is 4 long", make_noised(&one, 1), one.buffers[0][2].dims[2] = 4);
  REFUSED("n_samples is -1", make_noised(&one, 1), change_option(&one, "n_samples", -1));
  REFUSED("noise is at NULL", make_noised(&one, 1), one.buffers[0][2].data = NULL);
  REFUSED("no attribute n_samples", make_noised(&one, 1), one.base.frame.attributes.count--);
  REFUSED("an axis of step is 1 long", make_noised(&one, 0), one.buffers[0][2].dims[0] = 1);
  REFUSED("step has elements of type 4", make_noised(&one, 0), one.buffers[0][2].dtype = XLA_S32);
  REFUSED("threshold has 1 axes, and must have 0", make_two_heads(&one), one.buffers[0][3].rank = 1);
  REFUSED("threshold has elements of type 10", make_two_heads(&one), one.buffers[0][3].dtype = XLA_F16);
  REFUSED("no match for each other", make_two_heads(&one), one.buffers[1][3].dtype = XLA_F64);
}

/* As the chain rule has it: the gradients are NaN, and what needs no gradient is as without an upstream. */
static void upstream_that_is_not_finite(void) {
  wide one, other;
  make_two_heads(&one);
  CHECK(run_wide(&one, XLA_EXECUTE) == NULL, "%s", the_error.message);
  make_two_heads(&other);
  float *upstream = guarded(sizeof(float) * ROWS);
  for (int i = 0; i < ROWS; i++) upstream[i] = i == 2 ? INFINITY : 1;
  add(&other, 0, "upstream", XLA_F32, upstream, 1, ROWS, 0, 0);
  CHECK(run_wide(&other, XLA_EXECUTE) == NULL, "%s", the_error.message);
  const float *values[2] = {one.buffers[1][0].data, other.buffers[1][0].data};
  CHECK(memcmp(values[0], values[1], sizeof(float) * ROWS) == 0, "%g", (double)values[1][0]);
  const float *thresholds[2] = {one.buffers[1][3].data, other.buffers[1][3].data};
  CHECK(*thresholds[0] == *thresholds[1] && *thresholds[0] > 0, "%g", (double)*thresholds[1]);
  for (int head = 0; head < 2; head++) {
    const float *gradients[2] = {one.buffers[1][1 + head].data, other.buffers[1][1 + head].data};
    for (int i = 0; i < ROWS * CLASSES; i++) {
      CHECK(isfinite(gradients[0][i]) && isnan(gradients[1][i]), "%g", (double)gradients[1][i]);
    }
  }
  give_back(&one);
  give_back(&other);
}

/* 65 MB as copies, which nobody makes; each place has the values of a call of its own. */
static void large_slices_are_not_copied(void) {
  enum { PLACES = 65, MANY = 1 << 16 };
  wide all, one;
  make_shared(&all, PLACES, MANY);
  fail_allocations_from((size_t)1 << 24);
  CHECK(run_wide(&all, XLA_EXECUTE) == NULL, "%s", the_error.message);
  fail_allocations_from(SIZE_MAX);
  make_shared(&one, 1, MANY);
  for (int place = 0; place < PLACES; place += 16) {
    one.buffers[0][1].data = (int32_t *)all.buffers[0][1].data + place * ROWS;
    CHECK(run_wide(&one, XLA_EXECUTE) == NULL, "%s", the_error.message);
    const float *values = (const float *)all.buffers[1][0].data + place * ROWS;
    CHECK(memcmp(values, one.buffers[1][0].data, sizeof(float) * ROWS) == 0, "%d: %g", place, (double)values[0]);
  }
  give_back(&all);
  give_back(&one);
}

/* Any size, type, rank or number of these frames, with the loss of another call as state or without one. */
static void at_random(int times) {
  static const int64_t wrong[] = {0, 1, 2, 3, 4, 6, 7, 16, -1, INT32_MAX, INT64_MAX, INT64_MIN, (int64_t)1 << 56};
  uint64_t state = 3;
  int refused = 0;
  for (int time = 0; time < times; time++) {
    wide one;
    if (random_below(&state, 2)) make_noised(&one, (int)random_below(&state, 2)); else make_two_heads(&one);
    if (random_below(&state, 2)) CHECK(run_wide(&one, XLA_INSTANTIATE) == NULL, "%s", the_error.message);
    const int64_t value = wrong[random_below(&state, sizeof wrong / sizeof *wrong)];
    const int list = (int)random_below(&state, 2);
    xla_buffer *buffer = &one.buffers[list][random_below(&state, one.counts[list])];
    switch (random_below(&state, 4)) {
      case 0: buffer->dims[random_below(&state, 3)] = value; break;
      case 1: buffer->dtype = (int32_t)value; break;
      case 2: buffer->rank = value > 3 && value <= 64 ? 3 : value; break;
      default: one.integers[random_below(&state, one.option_count)] = value; break;
    }
    refused += run_wide(&one, XLA_EXECUTE) != NULL;
    if (kept_state) state_deleter(kept_state);
    kept_state = NULL;
    give_back(&one);
  }
  CHECK(refused > times / 4 && refused < times, "%d of %d", refused, times);
}

int main(void) {
  /* The library is in the process. */
  CHECK(topkloss_abi_version() == TOPKLOSS_ABI_VERSION, "%d", topkloss_abi_version());
  samples_are_those_of_the_state();
  refused_by_name();
  upstream_that_is_not_finite();
  large_slices_are_not_copied();
  at_random(2000);
  return check_summary();
}

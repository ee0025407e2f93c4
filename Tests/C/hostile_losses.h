/*
 * Losses of every kind with options of every kind, mostly sensible.
 */
#ifndef HOSTILE_LOSSES_H
#define HOSTILE_LOSSES_H

#include "hostile_buffers.h"

static double vectors[MAX_CLASSES];
static int64_t classes_of_loss;
/* Which loss was made last: only one looks at the second head. */
static int has_two_heads;

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

static double some_number(const option_member *member, double by_default) {
  if (is_named(member, "k")) return option(0.1 + (double)random_below(&state, 40) / 8.0);
  if (is_named(member, "expected_positives")) return option(1.5);
  if (is_named(member, "threshold_decay")) return rarely(2) ? 0.0 : option(0.9);
  if (is_named(member, "label_smoothing")) return rarely(2) ? 0.0 : option(0.1);
  return option(isnan(by_default) && rarely(2) ? 1.0 : by_default);
}

static int64_t some_integer(const option_member *member) {
  if (is_named(member, "ignore_index")) return rarely(3) ? random_below(&state, 4) - 2 : TOPKLOSS_IGNORE_INDEX;
  if (rarely(15)) return impossible_size();
  return 1 + random_below(&state, is_named(member, "n_samples") ? MAX_SAMPLES : 6);
}

static int32_t some_code(const option_member *member) {
  if (member->enumerators > 0) return enumerator(member->enumerators);
  if (is_named(member, "check_finite")) return (int32_t)(rarely(3) * (1 - 2 * random_below(&state, 2)));
  return rarely(60);
}

static topkloss_status create_random(topkloss_loss **out) {
  const loss_type *const type = loss_type_at((int32_t)random_below(&state, LOSS_TYPES));
  const option_member *classes = NULL;
  int has_vectors = rarely(20);
  any_options options;
  classes_of_loss = rarely(20) ? impossible_size() : 1 + random_below(&state, MAX_CLASSES);
  for (int c = 0; c < MAX_CLASSES; c++)
    vectors[c] = rarely(400) ? strange_number() : 1.0 + (double)random_below(&state, 1000);
  has_two_heads = strcmp(type->name, "two_head_average_k") == 0;
  CHECK_OK(type->initialize(&options, type->size));
  for (int32_t i = 0; i < type->member_count; i++) {
    const option_member *const member = &type->members[i];
    if (member->kind == OPTION_CLASSES) {
      classes = member;
    } else if (member->kind == OPTION_NUMBER) {
      double by_default;
      memcpy(&by_default, options.bytes + member->offset, sizeof by_default);
      SET_OPTION(&options, member, double, some_number(member, by_default));
    } else if (member->kind == OPTION_INTEGER) {
      SET_OPTION(&options, member, int64_t, some_integer(member));
    } else if (member->kind == OPTION_WORD) {
      SET_OPTION(&options, member, uint64_t, random_word(&state));
    } else if (member->kind == OPTION_CODE) {
      SET_OPTION(&options, member, int32_t, some_code(member));
    } else if (classes != NULL && (is_named(member, "class_counts") ? !rarely(8) : rarely(2))) {
      /* By class; of a vector that is as long as K is large there is no memory. */
      SET_OPTION(&options, member, double *, vectors);
      has_vectors = 1;
    }
  }
  if (classes != NULL) SET_OPTION(&options, classes, int64_t, has_vectors ? classes_of_loss : 0);
  return type->create(rarely(30) ? NULL : &options, out);
}

#endif /* HOSTILE_LOSSES_H */

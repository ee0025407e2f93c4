/*
 * One handle of every loss in each of its modes (estimator, method, ...), for programs that care about what all of them
 * do rather than about one.
 */
#ifndef EVERY_LOSS_H
#define EVERY_LOSS_H

#include "loss_types.h"
#include "workload.h"

/* Room for options of any loss, and for one kind a loss and mode. */
typedef union {
  topkloss_margin_softmax_options aligned;
  unsigned char bytes[512];
} any_options;

enum { MOST_KINDS = 64 };

typedef struct {
  char name[64];
  const loss_type *type;
  /* Its one enumeration beside the reduction, or NULL, and which of its values this is. */
  const option_member *mode;
  int32_t value;
  /* Whether its handle holds vectors as long as there are classes. */
  int has_class_vectors;
  /* About how many times as much a row of it costs as one of most others, for programs that evaluate it often. */
  int cost;
} loss_kind;

/* Programs go through the first loss_kind_count: all, or, where KIND_STEP is not 1, one of so many, for an emulator is
 * slow. The others follow. */
#ifndef KIND_STEP
#define KIND_STEP 1
#endif
static loss_kind loss_kinds[MOST_KINDS];
static int loss_kind_count = 0;

static inline int is_named(const option_member *member, const char *name) { return strcmp(member->name, name) == 0; }

static inline void add_loss_kind(const loss_type *type, const option_member *mode, int32_t value) {
  loss_kind *const kind = &loss_kinds[loss_kind_count++];
  const int is_exact = mode != NULL && is_named(mode, "estimator") && value == TOPKLOSS_EXACT;
  snprintf(kind->name, sizeof kind->name, "%s %d", type->name, value);
  kind->type = type;
  kind->mode = mode;
  kind->value = value;
  kind->cost = is_exact ? 16 : 1;
  for (int32_t i = 0; i < type->member_count; i++) kind->has_class_vectors |= type->members[i].kind == OPTION_CLASSES;
}

/* Fills in the table above; every program's first call. */
static inline void make_loss_kinds(void) {
  for (int32_t t = 0; t < LOSS_TYPES; t++) {
    const option_member *mode = NULL;
    for (int32_t i = 0; i < loss_types[t].member_count; i++) {
      const option_member *const member = &loss_types[t].members[i];
      if (member->enumerators > 0 && !is_named(member, "reduction")) mode = member;
    }
    for (int32_t value = 0; value == 0 || (mode != NULL && value < mode->enumerators); value++)
      add_loss_kind(&loss_types[t], mode, value);
  }
  for (int kind = 0; kind < loss_kind_count; kind += KIND_STEP) {
    const loss_kind other = loss_kinds[kind / KIND_STEP];
    loss_kinds[kind / KIND_STEP] = loss_kinds[kind];
    loss_kinds[kind] = other;
  }
  loss_kind_count = (loss_kind_count - 1) / KIND_STEP + 1;
}

/* The kind of this name, as above, or the program ends. */
static inline int kind_named(const char *name) {
  for (int kind = 0; kind < MOST_KINDS; kind++)
    if (strcmp(loss_kinds[kind].name, name) == 0) return kind;
  fprintf(stderr, "no loss %s\n", name);
  exit(2);
}

#define SET_OPTION(options, member, type, value)                                  \
  do {                                                                            \
    const type set_value = (value);                                               \
    memcpy((options)->bytes + (member)->offset, &set_value, sizeof set_value);    \
  } while (0)

/*
 * Options of one kind that are accepted. counts has one entry a class, three at least, and stands for any vector by
 * class. What has no default is 2, or 2.5.
 */
static inline any_options good_options(int index, int64_t classes, const double *counts,
                                       topkloss_reduction reduction) {
  const loss_kind *const kind = &loss_kinds[index];
  any_options options;
  CHECK_OK(kind->type->initialize(&options, kind->type->size));
  for (int32_t i = 0; i < kind->type->member_count; i++) {
    const option_member *const member = &kind->type->members[i];
    if (member == kind->mode) SET_OPTION(&options, member, int32_t, kind->value);
    if (is_named(member, "reduction")) SET_OPTION(&options, member, int32_t, reduction);
    if (member->kind == OPTION_CLASSES) SET_OPTION(&options, member, int64_t, classes);
    if (member->kind == OPTION_VECTOR && kind->has_class_vectors)
      SET_OPTION(&options, member, double *, (double *)(uintptr_t)counts);
    if (is_named(member, "k") && member->kind == OPTION_INTEGER) SET_OPTION(&options, member, int64_t, 2);
    if (is_named(member, "k") && member->kind == OPTION_NUMBER) SET_OPTION(&options, member, double, 2.5);
    if (is_named(member, "expected_positives")) SET_OPTION(&options, member, double, 2.0);
  }
  return options;
}

/* Creates the loss of one kind with these options; NULL where that fails. */
static inline topkloss_status create_loss(int index, int64_t classes, const double *counts,
                                          topkloss_reduction reduction, topkloss_loss **out) {
  const any_options options = good_options(index, classes, counts, reduction);
  *out = NULL;
  return loss_kinds[index].type->create(&options, out);
}

#endif /* EVERY_LOSS_H */

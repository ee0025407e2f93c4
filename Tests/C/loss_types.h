/*
 * The losses, and the members of their options, as tables of the header's own names: tests name no loss that they do
 * not mean. Swift's tests read the same tables.
 */
#ifndef LOSS_TYPES_H
#define LOSS_TYPES_H

#include "../../include/topkloss.h"
#include "generated/abi.h"

/*
 * double, int64_t, uint64_t, int32_t or an enumeration, const double *, the vectors' length, which is an int64_t, and
 * other pointers.
 */
enum {
  OPTION_NUMBER,
  OPTION_INTEGER,
  OPTION_WORD,
  OPTION_CODE,
  OPTION_VECTOR,
  OPTION_CLASSES,
  OPTION_POINTER
};

typedef struct {
  const char *name;
  size_t offset;
  int32_t kind;
  /* How many values an enumeration has, from 0; 0 if it is none. */
  int32_t enumerators;
} option_member;

typedef struct {
  const char *name;
  size_t size;
  topkloss_status (*initialize)(void *options, size_t struct_size);
  topkloss_status (*create)(const void *options, topkloss_loss **out);
  const option_member *members;
  int32_t member_count;
} loss_type;

#define LOSS_MEMBER(loss, member, kind, enumerators) \
  {#member, offsetof(topkloss_##loss##_options, member), OPTION_##kind, enumerators},
#define LOSS_FUNCTIONS(loss, cpp_class, cpp_options)                                         \
  static inline topkloss_status initialize_##loss(void *options, size_t struct_size) {       \
    return topkloss_##loss##_options_init((topkloss_##loss##_options *)options, struct_size); \
  }                                                                                          \
  static inline topkloss_status create_##loss(const void *options, topkloss_loss **out) {    \
    return topkloss_##loss##_create((const topkloss_##loss##_options *)options, out);        \
  }                                                                                          \
  static const option_member members_of_##loss[] = {TOPKLOSS_OPTIONS_##loss(LOSS_MEMBER)};
#define LOSS_TYPE(loss, cpp_class, cpp_options)                                         \
  {#loss,                                                                               \
   sizeof(topkloss_##loss##_options),                                                   \
   initialize_##loss,                                                                   \
   create_##loss,                                                                       \
   members_of_##loss,                                                                   \
   (int32_t)(sizeof members_of_##loss / sizeof members_of_##loss[0])},

TOPKLOSS_LOSSES(LOSS_FUNCTIONS)

static const loss_type loss_types[] = {TOPKLOSS_LOSSES(LOSS_TYPE)};

enum { LOSS_TYPES = sizeof loss_types / sizeof loss_types[0] };

/* For Swift, to which a table is a tuple. */
static inline const loss_type *loss_type_at(int32_t index) { return &loss_types[index]; }

#endif /* LOSS_TYPES_H */

/*
 * What a call said and wrote, to be compared bit for bit with what another did.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "check.h"

typedef struct {
  topkloss_status status;
  /* Of everything that was written. */
  uint64_t fingerprint;
} answer;

static inline void add_to_fingerprint(answer *found, const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
    uint64_t word = 0;
    memcpy(&word, (const unsigned char *)bytes + i, count - i < sizeof word ? count - i : sizeof word);
    found->fingerprint = (found->fingerprint ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    found->fingerprint ^= found->fingerprint >> 32;
  }
}

/* Whether a call succeeded, its status being the answer's; what it wrote is then to be added. */
static inline int is_good(answer *found, topkloss_status status) {
  if (status != TOPKLOSS_OK) {
    found->status = status;
    CHECK(topkloss_last_error()[0] != '\0', "%s without a message", topkloss_status_name(status));
  }
  return status == TOPKLOSS_OK;
}

static inline int is_same_answer(answer one, answer other) {
  return one.status == other.status && one.fingerprint == other.fingerprint;
}

#endif /* ANSWER_H */

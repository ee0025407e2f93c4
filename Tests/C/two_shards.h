/*
 * Losses of rows in two shards of the classes, of noised top-K too, in whatever program calls everything else.
 */
#ifndef TWO_SHARDS_H
#define TWO_SHARDS_H

#include "answer.h"
#include "every_loss.h"

/* Noise is drawn for 32 classes at a time. The rank is one that is kept in a heap, and more than the second shard has
 * classes. */
enum { WIDE = 36, FIRST_SHARD = 32, RANK = 20, SAMPLES = 2, MOST_STATE = 1024 };

typedef struct {
  workload wide;
  unsigned char *states;
} sharded;

static inline void sharded_init(sharded *own, int64_t rows) {
  workload_init(&own->wide, rows, WIDE);
  own->states = required_memory(2 * (size_t)rows * MOST_STATE);
}

static inline void sharded_free(sharded *own) {
  workload_free(&own->wide);
  free(own->states);
}

static inline topkloss_status create_sharded(int index, const double *counts, topkloss_loss **out) {
  const loss_type *const type = loss_kinds[index].type;
  any_options options = good_options(index, WIDE, counts, 0);
  for (int32_t i = 0; i < type->member_count; i++) {
    const option_member *const member = &type->members[i];
    if (is_named(member, "k")) SET_OPTION(&options, member, int64_t, RANK);
    if (is_named(member, "n_samples")) SET_OPTION(&options, member, int64_t, SAMPLES);
  }
  *out = NULL;
  return type->create(&options, out);
}

/* Two shards of the classes, the second of them in the same rows behind the first. There are as many rows as in another
 * batch, and they are shared among the same threads. */
static inline void shards_of(const char *kind, const topkloss_batch *like, sharded *own, answer *found) {
  const int64_t rows = like->rows;
  const int64_t first[3] = {0, FIRST_SHARD, WIDE};
  topkloss_loss *loss = NULL;
  topkloss_shard shard;
  int64_t bytes = 0;
  int completed = 0;
  CHECK_OK(topkloss_shard_init(&shard, sizeof shard));
  shard.all_classes = WIDE;
  shard.shards = 2;
  shard.states = own->states;
  if (is_good(found, create_sharded(kind_named(kind), own->wide.counts, &loss)) &&
      is_good(found, topkloss_shard_bytes(loss, &bytes))) {
    CHECK(bytes <= MOST_STATE, "%s: states of %lld bytes", kind, (long long)bytes);
    for (int call = 0; call < 4 && bytes <= MOST_STATE && found->status == TOPKLOSS_OK; call++) {
      topkloss_batch batch = own->wide.batch;
      topkloss_result result = own->wide.result;
      unsigned char *const states = own->states + (call % 2) * rows * bytes;
      shard.index = call % 2;
      shard.first_class = first[shard.index];
      batch.rows = rows;
      batch.executor = like->executor;
      batch.classes = first[shard.index + 1] - first[shard.index];
      batch.logits = own->wide.logits + first[shard.index];
      batch.logits_row_stride = result.gradient_row_stride = WIDE;
      result.gradient = own->wide.gradient + first[shard.index];
      if (call < 2) {
        (void)is_good(found, topkloss_shard_partial(loss, &batch, &shard, states));
      } else if (is_good(found, topkloss_shard_complete(loss, &batch, &shard, &result))) {
        CHECK(isfinite(result.value), "%s: %g", kind, result.value);
        add_to_fingerprint(found, &result.value, sizeof(double));
        completed++;
      }
    }
    CHECK(completed == 2 || found->status != TOPKLOSS_OK, "%s: %d shards", kind, completed);
  }
  if (completed == 2) {
    add_to_fingerprint(found, own->states, (size_t)(2 * rows * bytes));
    add_to_fingerprint(found, own->wide.gradient, (size_t)(rows * WIDE) * sizeof(float));
  }
  topkloss_loss_destroy(loss);
}

#endif /* TWO_SHARDS_H */

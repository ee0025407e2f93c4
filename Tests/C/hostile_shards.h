/*
 * Shards of the classes: of every size and place, from states of any bytes.
 */
#ifndef HOSTILE_SHARDS_H
#define HOSTILE_SHARDS_H

#include "hostile_batch.h"

/* Completions that succeeded. */
static long completed = 0;

/* Where states are: a buffer that such calls do not read otherwise, from any address on. */
static unsigned char *place_of_states(void) { return buffers[NOISE].bytes + GUARD + random_below(&state, 8); }

/* Mostly a shard that the batch may be, once it is a part of its rows' classes. */
static topkloss_shard describe_shard(topkloss_batch *batch) {
  topkloss_shard shard;
  const int has_classes = classes_of_loss > 0 && classes_of_loss <= MAX_CLASSES;
  const int64_t all = has_classes ? classes_of_loss : MAX_CLASSES;
  CHECK_OK(topkloss_shard_init(&shard, sizeof shard));
  if (batch->classes > all || (batch->classes == all && rarely(2))) batch->classes = 1 + random_below(&state, all);
  shard.all_classes = rarely(20) ? impossible_size() : all;
  shard.first_class = rarely(30) ? impossible_size() : batch->classes < all ? random_below(&state, all) : 0;
  if (shard.first_class > all - batch->classes && !rarely(10)) shard.first_class = 0;
  if (rarely(2)) shard.first_class &= ~INT64_C(31);
  shard.shards = rarely(30) ? impossible_size() : 1 + random_below(&state, 3);
  shard.index = rarely(30) ? impossible_size() : random_below(&state, 3);
  if (shard.index >= shard.shards && !rarely(10)) shard.index = 0;
  if (rarely(60)) shard.struct_size = (size_t)random_below(&state, 250);
  return shard;
}

static void scramble(unsigned char *states, int64_t size) {
  for (int64_t place = 0; place + 8 <= size; place += 8) {
    const uint64_t word = rarely(2) ? random_word(&state) : (uint64_t)impossible_size();
    const double number = strange_number();
    if (rarely(3)) memcpy(states + place, rarely(2) ? (const void *)&word : (const void *)&number, 8);
  }
  memcpy(buffers[NOISE].before, buffers[NOISE].bytes, buffers[NOISE].size);
  memset(buffers[NOISE].may_change, 0, buffers[NOISE].size);
}

static void shard_random(const topkloss_loss *loss) {
  topkloss_executor executor = hostile_executor(9);
  topkloss_batch batch;
  topkloss_shard shard;
  roomy_result roomy, before;
  unsigned char *states;
  int64_t bytes = 77, room, rows;
  topkloss_status status = topkloss_shard_bytes(loss, NULL);
  CHECK(status != TOPKLOSS_OK, "bytes without a place for them");
  status = topkloss_shard_bytes(loss, &bytes);
  CHECK(status == TOPKLOSS_OK ? bytes > 0 && bytes % 16 == 0 : bytes == 77, "a state of %lld bytes", (long long)bytes);
  describe(&batch, &roomy, &executor);
  if (!rarely(9)) batch.noise = batch.soft_labels = NULL;
  shard = describe_shard(&batch);
  states = place_of_states();
  room = (int64_t)buffers[NOISE].size - 2 * GUARD;
  rows = batch.rows > 0 && batch.rows <= MANY_ROWS ? batch.rows : 0;
  if (bytes > room || 3 * rows * bytes > room) return;

  status = topkloss_shard_partial(loss, &batch, &shard, rarely(60) ? NULL : states);
  CHECK(status >= 0 && status < 12, "shard_partial: status %d", status);
  if (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR)
    memset(buffers[NOISE].may_change + (states - buffers[NOISE].bytes), 1, (size_t)(rows * bytes));
  expect_no_stray_write();

  scramble(states, 3 * rows * bytes);
  shard.states = rarely(60) ? NULL : states;
  before = roomy;
  status = topkloss_shard_complete(loss, &batch, &shard, &roomy.result);
  CHECK(status >= 0 && status < 12, "shard_complete: status %d", status);
  CHECK(status == TOPKLOSS_OK || topkloss_last_error()[0] != '\0', "no message");
  if (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR)
    allow_output(&batch, &roomy.result);
  else
    CHECK(memcmp(&roomy, &before, sizeof roomy) == 0, "the result was written");
  completed += status == TOPKLOSS_OK;
  expect_no_stray_write();
}

#endif /* HOSTILE_SHARDS_H */

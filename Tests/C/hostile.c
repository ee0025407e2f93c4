/*
 * Calls with arguments of every kind, sensible and not, a fixed number of them and the same ones every time. Whatever
 * comes, a call returns; one that fails has written nothing; no byte outside the output, nor any input, changes; and no
 * memory is kept. Pointers are valid for the sizes that can pass the checks: that much the interface asks for.
 *
 * Usage: hostile [ITERATIONS [SEED]]
 */
#include "hostile_functions.h"
#include "hostile_shards.h"
#include "interpose.h"

static long evaluations = 0;
static long outcomes[12] = {0};

static void evaluate_random(const topkloss_loss *loss) {
  topkloss_executor executor = hostile_executor(2);
  topkloss_batch batch;
  roomy_result roomy;
  roomy_result before;
  topkloss_status status;
  if (rarely(20)) executor.parallel_for = NULL;
  if (rarely(20)) executor.concurrency = enumerator(1);
  describe(&batch, &roomy, &executor);
  before = roomy;
  topkloss_set_num_threads(1 + (int32_t)random_below(&state, 3));
  status = topkloss_evaluate(loss, &batch, &roomy.result);
  evaluations++;
  CHECK(status >= 0 && status < 12, "status %d", status);
  if (status >= 0 && status < 12) outcomes[status]++;
  if (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR)
    allow_output(&batch, &roomy.result);
  else
    CHECK(memcmp(&roomy, &before, sizeof roomy) == 0, "the result was written");
  if ((status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR) && has_two_heads)
    allow_second_output(&batch, &roomy.result);
  CHECK(status == TOPKLOSS_OK || topkloss_last_error()[0] != '\0', "no message");
  expect_no_stray_write();
}

int main(int count, char **arguments) {
  long grown = 0;
  const long iterations = count > 1 ? atol(arguments[1]) : 4000;
  state = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
  make_buffers();
  for (long i = 0; i < iterations; i++) {
    topkloss_loss *loss = NULL;
    const long before = live_bytes();
    const topkloss_status status = create_random(&loss);
    CHECK((status == TOPKLOSS_OK) == (loss != NULL), "%s", topkloss_status_name(status));
    for (int calls = 0; calls < (loss != NULL ? 3 : rarely(10)); calls++) evaluate_random(loss);
    if (loss != NULL && rarely(5)) predict_random_classes(loss);
    if (loss != NULL && rarely(2)) shard_random(loss);
    topkloss_loss_destroy(loss);
    if (rarely(3)) look_at_random_batch();
    if (rarely(10)) draw_random_noise();
    if (rarely(5)) weigh_random_classes();
    topkloss_trim();
    grown += live_bytes() > before;
  }
  /* Were the arguments too hostile, or too friendly, little would have been tried. */
  CHECK(outcomes[TOPKLOSS_OK] > evaluations / 3 && outcomes[TOPKLOSS_OK] < evaluations * 9 / 10,
        "%ld of %ld calls succeeded", outcomes[TOPKLOSS_OK], evaluations);
  CHECK(iterations < 4000 || outcomes[TOPKLOSS_ERROR_EXECUTOR] > 0, "no executor dropped tasks");
  CHECK(iterations < 4000 || completed > 50, "%ld completions of shards succeeded", completed);
  /* Threads start at any time, and each keeps something from then on. */
  CHECK(grown < 20, "memory is kept after %ld of %ld rounds", grown, iterations);
  free_buffers();
  return check_summary();
}

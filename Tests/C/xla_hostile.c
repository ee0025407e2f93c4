/*
 * Frames that are wrong: each is refused in words, and none ends the process.
 */
#include "interpose.h"
#include "xla_frame.h"

#define REFUSED(words, ...)                                                     \
  do {                                                                          \
    call one;                                                                   \
    make_call(&one);                                                            \
    __VA_ARGS__;                                                                \
    const char *found = run_call(&one, XLA_EXECUTE);                            \
    CHECK(found && strstr(found, words), "%s: %s", #__VA_ARGS__, found ? found : "nothing was refused"); \
  } while (0)

static void refused_by_name(void) {
  REFUSED("frame of the call has 24 bytes", one.frame.struct_size = 24);
  REFUSED("attributes", one.frame.attributes.struct_size = 8);
  REFUSED("attributes", one.frame.attributes.names = NULL);
  REFUSED("attributes", one.frame.attributes.count = -1);
  REFUSED("has no name", one.name_places[0] = NULL);
  REFUSED("no option of the loss", one.names[2].count = 6);
  REFUSED("no attribute operands", one.names[4] = one.names[5]);
  REFUSED("attribute row_axes has another type", one.attribute_types[6] = XLA_STRING);
  REFUSED("attribute row_axes has another type", one.scalars[2].dtype = XLA_F64);
  REFUSED("attribute row_axes has another type", one.scalars[2].value = NULL);
  REFUSED("attribute loss has no text", one.texts[0].start = NULL);
  REFUSED("there is no loss logit", one.texts[0].count = 5);
  REFUSED("class_counts has another type", one.array.dtype = XLA_F32);
  REFUSED("class_counts has 4 numbers, and must have 5", one.array.count = 4);
  REFUSED("class_counts[2]", one.counts[2] = -1);
  REFUSED("no array for labels", one.frame.arguments.count = 1);
  REFUSED("arrays, logits, there are 2", one.texts[1].count = 6);
  REFUSED("operand logits", one.texts[1].start = "labels labels");
  REFUSED("none of the results", one.texts[2].start = "thresholdthreshold");
  REFUSED("no array for labels", one.types[1] = 0);
  REFUSED("no array for logits", one.operands[0] = NULL);
  REFUSED("labels is no array", one.buffers[1].struct_size = 40);
  REFUSED("labels is no array", one.buffers[1].rank = 65);
  REFUSED("labels is no array", one.buffers[1].dims = NULL);
  REFUSED("labels has 0 axes, and must have 1", one.buffers[1].rank = 0);
  REFUSED("an axis of labels is -4 long", one.dims[1][0] = -4);
  REFUSED("an axis of labels is 3 long, and must be 4", one.dims[1][0] = 3);
  REFUSED("logits has elements of type 4", one.buffers[0].dtype = XLA_S32);
  REFUSED("labels has elements of type 11", one.buffers[1].dtype = XLA_F32);
  REFUSED("gradient has elements of type 12", one.buffers[3].dtype = XLA_F64);
  REFUSED("logits is at NULL", one.buffers[0].data = NULL);
  REFUSED("values is at NULL", one.buffers[2].data = NULL);
  REFUSED("fewer than those of rows", one.integers[2] = 2);
  REFUSED("fewer than those of rows", one.integers[2] = -1);
  REFUSED("labels[1] is 9", one.labels[1] = 9);
  /* Sizes whose product is no size. */
  REFUSED("too many elements", one.integers[2] = 0; for (int i = 0; i < 4; i++) {
    one.dims[i][0] = INT64_MAX;
    one.dims[i][1] = INT64_MAX;
    one.buffers[i].rank = 2 + (i == 0 || i == 3);
    one.dims[i][2] = CLASSES;
  });
  REFUSED("too many elements", one.dims[0][1] = one.dims[3][1] = INT64_MAX / 8);
  call one;
  make_call(&one);
  one.frame.stage = 2;
  CHECK(topkloss_xla_evaluate((struct XLA_FFI_CallFrame *)&one.frame) == &the_error, "%d", errors_alive);
  errors_alive = 0;
  CHECK(strstr(the_error.message, "stage is 2, and this handler is for 3"), "%s", the_error.message);
}

/* What can be told nothing. */
static void without_functions(void) {
  CHECK(!topkloss_xla_evaluate(NULL) && !topkloss_xla_instantiate(NULL), "%d", errors_alive);
  for (int way = 0; way < 4; way++) {
    call one;
    make_call(&one);
    if (way == 0) one.frame.api = NULL;
    if (way == 1) one.api.struct_size = 40;
    if (way == 2) one.api.error_create = NULL;
    if (way == 3) one.frame.struct_size = 8;
    CHECK(run_call(&one, XLA_EXECUTE) == NULL && one.values[0] == 0.0f, "%g", (double)one.values[0]);
  }
}

/* A request for memory after the other that finds none: an error that says so, and nothing is kept. */
static void without_memory(void) {
  long requests = 0, exhausted = 0;
  for (long refused = 1; refused; requests++) {
    call one;
    make_call(&one);
    set_attribute(&one, 9, "gradient_scale", XLA_SCALAR, &one.scalars[4]);
    one.frame.attributes.count = ATTRIBUTES;
    reset_allocation_calls();
    fail_allocation_after(requests);
    const char *words = run_call(&one, XLA_EXECUTE);
    fail_allocation_after(-1);
    refused = refused_allocations();
    CHECK(!words || (refused && the_error.code == XLA_RESOURCE_EXHAUSTED), "%ld: %s", requests, words);
    exhausted += words != NULL;
  }
  CHECK(exhausted >= 3, "%ld of %ld", exhausted, requests);
}

/* Any word of a frame, and of what it points to, that is no pointer; or a pointer made NULL. */
static void at_random(long times) {
  static const int64_t wrong[] = {0, 1, 2, 3, 4, 5, 7, 16, 64, -1, INT32_MAX, INT64_MAX, INT64_MIN, (int64_t)1 << 56};
  uint64_t state = 1;
  int refused = 0;
  for (long time = 0; time < times; time++) {
    call one;
    make_call(&one);
    const int64_t value = wrong[random_below(&state, sizeof wrong / sizeof *wrong)];
    const int place = (int)random_below(&state, 4), which = (int)random_below(&state, 9);
    /* A size that is larger than the memory is none that can be seen through: as many as there are, or fewer. */
    const int64_t smaller = value < 0 || value > 2 ? -1 : value;
    switch (random_below(&state, 20)) {
      case 0: one.frame.struct_size = (size_t)value; break;
      case 1: one.frame.stage = (int32_t)value; break;
      case 2: one.frame.arguments.count = smaller; break;
      case 3: one.frame.results.count = smaller; break;
      case 4: one.frame.attributes.count = smaller; break;
      case 5: one.buffers[place].struct_size = (size_t)value; break;
      case 6: one.buffers[place].dtype = (int32_t)value; break;
      case 7: one.buffers[place].rank = value > 3 && value <= 64 ? 3 : value; break;
      case 8: one.dims[place][random_below(&state, 2)] = value; break;
      case 9: one.buffers[place].data = NULL; break;
      case 10: one.buffers[place].dims = NULL; break;
      case 11: one.attribute_types[which] = (int32_t)value; break;
      case 12: one.attributes[which] = NULL; break;
      case 13: one.names[which].count = (size_t)random_below(&state, (int64_t)one.names[which].count + 1); break;
      case 14: one.integers[place] = value; break;
      case 15: one.texts[place % 3].count = (size_t)random_below(&state, (int64_t)one.texts[place % 3].count + 1); break;
      case 16: one.scalars[which % 5].dtype = (int32_t)value; break;
      case 17: one.array.count = (size_t)(value > CLASSES && value < INT32_MAX ? 0 : value); break;
      case 18: one.api.struct_size = (size_t)value; break;
      default: one.api.api_version.minor_version = value < 1 ? -1 : 4; break;
    }
    refused += run_call(&one, random_below(&state, 4) ? XLA_EXECUTE : XLA_INSTANTIATE) != NULL;
    if (kept_state) state_deleter(kept_state);
    kept_state = NULL;
  }
  CHECK(refused > times / 4 && refused < times, "%d of %ld", refused, times);
}

int main(void) {
  /* The library is in the process. */
  CHECK(topkloss_abi_version() == TOPKLOSS_ABI_VERSION, "%d", topkloss_abi_version());
  refused_by_name();
  without_functions();
  at_random(100);
  const long before = live_bytes();
  without_memory();
  at_random(20000);
  CHECK(live_bytes() == before, "%ld bytes are kept", live_bytes() - before);
  return check_summary();
}

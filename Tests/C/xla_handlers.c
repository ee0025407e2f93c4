/*
 * The handlers on frames that are as they should be: every version of XLA's interface, and the same answers as the C interface.
 */
#include "xla_frame.h"

static void says_its_version(call *one, int is_first, int has_api, int expected) {
  xla_metadata metadata;
  memset(&metadata, 0xA5, sizeof metadata);
  metadata.struct_size = XLA_METADATA_SIZE;
  xla_metadata_extension question = {{XLA_EXTENSION_SIZE, XLA_METADATA_EXTENSION, NULL}, &metadata};
  xla_extension first = {XLA_EXTENSION_SIZE, XLA_METADATA_EXTENSION + 1, &question.base};
  one->frame.extension_start = is_first ? &question.base : &first;
  if (!has_api) one->frame.api = NULL;
  for (int stage = XLA_INSTANTIATE; stage <= XLA_EXECUTE; stage += XLA_EXECUTE) {
    CHECK(run_call(one, stage) == NULL, "%d", stage);
    CHECK(metadata.api_version.major_version == 0 && metadata.api_version.minor_version == expected, "%d",
          metadata.api_version.minor_version);
    CHECK(metadata.traits == 0, "%u", metadata.traits);
    const int64_t untouched = (int64_t)0xA5A5A5A5A5A5A5A5;
    const int64_t known = minor_version <= XLA_NEWEST_MINOR && stage == XLA_INSTANTIATE ? 77 : 0;
    const int64_t type = expected == 1 ? untouched : known;
    CHECK(metadata.state_type_id.number == type, "%lld", (long long)metadata.state_type_id.number);
  }
  one->frame.extension_start = NULL;
  one->frame.api = &one->api;
}

static void same_as_c(const call *one) {
  topkloss_logit_adjusted_options options;
  CHECK_OK(topkloss_logit_adjusted_options_init(&options, sizeof options));
  options.reduction = TOPKLOSS_NONE;
  options.classes = CLASSES;
  options.class_counts = one->counts;
  options.tau = one->tau;
  topkloss_loss *loss = NULL;
  CHECK_OK(topkloss_logit_adjusted_create(&options, &loss));
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  float values[ROWS], gradient[ROWS * CLASSES];
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.logits = one->logits;
  batch.labels = one->labels;
  batch.label_type = TOPKLOSS_INT32;
  result.row_values = values;
  result.gradient = gradient;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  topkloss_loss_destroy(loss);
  CHECK(memcmp(values, one->values, sizeof values) == 0, "%g and %g", (double)values[0], (double)one->values[0]);
  CHECK(memcmp(gradient, one->gradient, sizeof gradient) == 0, "%g", (double)one->gradient[0]);
}

static struct XLA_FFI_Error *register_elsewhere(xla_type_register *arguments) {
  types_registered++;
  arguments->type_id->number = 3;
  return NULL;
}

/* A second copy of XLA in the process: the first one's number means another type there, and nothing is kept. */
static void beside_another_copy(call *one) {
  one->api.type_register = register_elsewhere;
  const int before = states_set;
  xla_metadata metadata = {.struct_size = XLA_METADATA_SIZE, .state_type_id = {9}};
  xla_metadata_extension question = {{XLA_EXTENSION_SIZE, XLA_METADATA_EXTENSION, NULL}, &metadata};
  one->frame.extension_start = &question.base;
  CHECK(run_call(one, XLA_INSTANTIATE) == NULL, "%s", the_error.message);
  const int64_t number = minor_version == 1 ? 9 : 0;
  CHECK(metadata.state_type_id.number == number, "%lld", (long long)metadata.state_type_id.number);
  one->frame.extension_start = NULL;
  CHECK(run_call(one, XLA_INSTANTIATE) == NULL && !kept_state && states_set == before, "%d", states_set);
  memset(one->values, 0, sizeof one->values);
  CHECK(run_call(one, XLA_EXECUTE) == NULL, "%s", the_error.message);
  same_as_c(one);
  one->api.type_register = register_type;
}

/* Of 0.1, whose question comes without functions, or a later one; or of one that is yet to come. */
int main(int count, char **arguments) {
  minor_version = count > 1 ? arguments[1][0] - '0' : XLA_NEWEST_MINOR;
  const int is_known = minor_version <= XLA_NEWEST_MINOR;
  static call one;
  make_call(&one);
  for (int is_first = 0; is_first < 2; is_first++) {
    says_its_version(&one, is_first, minor_version != 1, is_known ? minor_version : XLA_NEWEST_MINOR);
  }
  /* Extensions without an end, and without a question. */
  xla_extension circle = {XLA_EXTENSION_SIZE, XLA_METADATA_EXTENSION + 1, &circle};
  one.frame.extension_start = &circle;
  if (!is_known) {
    /* A loss is made in every call. */
    CHECK(run_call(&one, XLA_INSTANTIATE) == NULL && !kept_state, "%p", kept_state);
    CHECK(run_call(&one, XLA_EXECUTE) == NULL && states_set == 0, "%d", states_set);
    same_as_c(&one);
    return check_summary();
  }
  CHECK(run_call(&one, XLA_INSTANTIATE) == NULL, "%s", the_error.message);
  CHECK(kept_state && state_deleter && types_registered == 1 && states_set == 1, "%d", states_set);
  /* The state is the loss, whatever the attributes say by now. */
  one.counts[0] = -1;
  CHECK(run_call(&one, XLA_EXECUTE) == NULL, "%s", the_error.message);
  one.counts[0] = 1;
  same_as_c(&one);
  void *first = kept_state;
  CHECK(run_call(&one, XLA_INSTANTIATE) == NULL && types_registered == 1, "%d", types_registered);
  state_deleter(first);
  state_deleter(kept_state);
  kept_state = NULL;
  /* Without a state. */
  refuses_states = 1;
  CHECK(run_call(&one, XLA_INSTANTIATE) == NULL && !kept_state, "%s", the_error.message);
  refuses_states = 0;
  one.tau = 0.25;
  CHECK(run_call(&one, XLA_EXECUTE) == NULL, "%s", the_error.message);
  same_as_c(&one);
  beside_another_copy(&one);
  return check_summary();
}

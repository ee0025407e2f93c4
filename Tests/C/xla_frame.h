/*
 * A call as XLA makes one, with functions of XLA's that are played: what handlers do with frames, without XLA.
 */
#ifndef XLA_FRAME_H
#define XLA_FRAME_H

#include "../../Sources/CXLA/CXLA.h"
#include "check.h"
#include "topkloss_xla.h"

/* A second time, to see its guard work. */
#include "topkloss_xla.h"

struct XLA_FFI_Error {
  char message[512];
  int code;
};

/* What XLA has been asked for. */
static struct XLA_FFI_Error the_error;
static int errors_alive, states_set, types_registered, refuses_states;
static void *kept_state;
static void (*state_deleter)(void *);

static struct XLA_FFI_Error *create_error(xla_error_create *arguments) {
  CHECK(arguments->struct_size == XLA_ERROR_CREATE_SIZE, "%zu", arguments->struct_size);
  snprintf(the_error.message, sizeof the_error.message, "%s", arguments->message);
  the_error.code = arguments->code;
  errors_alive++;
  return &the_error;
}

static void destroy_error(xla_error_destroy *arguments) {
  CHECK(arguments->error == &the_error, "%p", (void *)arguments->error);
  errors_alive--;
}

static struct XLA_FFI_Error *refuse(const char *words) {
  xla_error_create arguments = {XLA_ERROR_CREATE_SIZE, NULL, words, XLA_INTERNAL};
  return create_error(&arguments);
}

static struct XLA_FFI_Error *register_type(xla_type_register *arguments) {
  types_registered++;
  arguments->type_id->number = 77;
  if (arguments->type_info) state_deleter = arguments->type_info->deleter;
  return NULL;
}

static int minor_version = XLA_NEWEST_MINOR;

static struct XLA_FFI_Error *set_state(void *arguments) {
  if (refuses_states) return refuse("no room");
  states_set++;
  if (minor_version == 3) {
    const xla_state *given = arguments;
    CHECK(given->struct_size == XLA_STATE_SIZE && given->stage == XLA_INSTANTIATE, "%zu", given->struct_size);
    CHECK(given->type_id->number == 77, "%lld", (long long)given->type_id->number);
    kept_state = given->state;
  } else {
    const xla_state_set_old *given = arguments;
    const size_t size = minor_version == 1 ? XLA_STATE_SET_FIRST_SIZE : XLA_STATE_SET_OLD_SIZE;
    CHECK(given->struct_size == size, "%zu", given->struct_size);
    kept_state = given->state;
    if (minor_version == 1) state_deleter = given->deleter;
  }
  return NULL;
}

static struct XLA_FFI_Error *get_state(void *arguments) {
  if (!kept_state) return refuse("no state");
  if (minor_version == 3) {
    ((xla_state *)arguments)->state = kept_state;
  } else {
    ((xla_state_get_old *)arguments)->state = kept_state;
  }
  return NULL;
}

enum { ROWS = 4, CLASSES = 5, ATTRIBUTES = 10 };

/* Of a logit-adjusted loss, of value and gradient. */
typedef struct call {
  xla_api api;
  float logits[ROWS * CLASSES], values[ROWS], gradient[ROWS * CLASSES];
  int32_t labels[ROWS];
  int64_t dims[4][3];
  xla_buffer buffers[4];
  int32_t types[2], result_types[2];
  void *operands[2], *results[2];
  double counts[CLASSES], tau;
  int64_t integers[4];
  xla_array array;
  xla_scalar scalars[5];
  xla_span texts[3], names[ATTRIBUTES];
  xla_span *name_places[ATTRIBUTES];
  int32_t attribute_types[ATTRIBUTES];
  void *attributes[ATTRIBUTES];
  xla_call_frame frame;
} call;

static void set_attribute(call *to, int place, const char *name, int type, void *value) {
  to->names[place] = (xla_span){name, strlen(name)};
  to->name_places[place] = &to->names[place];
  to->attribute_types[place] = type;
  to->attributes[place] = value;
}

static void set_buffer(call *to, int place, int dtype, void *data, int64_t rank) {
  to->dims[place][0] = ROWS;
  to->dims[place][1] = CLASSES;
  to->buffers[place] = (xla_buffer){XLA_BUFFER_SIZE, NULL, dtype, data, rank, to->dims[place]};
}

static void make_call(call *to) {
  memset(to, 0, sizeof *to);
  /* Of 0.1 as jaxlib 0.5.0 has it, whose functions reach further than its size says. */
  const size_t size = minor_version == 1 ? XLA_API_FIRST_SIZE : XLA_API_STATES_SIZE;
  to->api = (xla_api){size, NULL, {XLA_API_VERSION_SIZE, NULL, XLA_MAJOR, minor_version}, NULL,
                      create_error, NULL, destroy_error, NULL, NULL, register_type, NULL, set_state, get_state};
  for (int i = 0; i < ROWS * CLASSES; i++) to->logits[i] = (float)(i * 7 % 11) / 3;
  for (int i = 0; i < ROWS; i++) to->labels[i] = i;
  for (int i = 0; i < CLASSES; i++) to->counts[i] = 1 + i;
  set_buffer(to, 0, XLA_F32, to->logits, 2);
  set_buffer(to, 1, XLA_S32, to->labels, 1);
  set_buffer(to, 2, XLA_F32, to->values, 1);
  set_buffer(to, 3, XLA_F32, to->gradient, 2);
  for (int i = 0; i < 2; i++) {
    to->operands[i] = &to->buffers[i];
    to->results[i] = &to->buffers[2 + i];
    to->types[i] = to->result_types[i] = XLA_BUFFER;
  }
  to->array = (xla_array){XLA_F64, CLASSES, to->counts};
  to->tau = 1.5;
  const int64_t integers[4] = {CLASSES, -100, 1, 0};
  for (int i = 0; i < 4; i++) {
    to->integers[i] = integers[i];
    to->scalars[i] = (xla_scalar){XLA_S64, &to->integers[i]};
  }
  to->scalars[4] = (xla_scalar){XLA_F64, &to->tau};
  const char *const texts[3] = {"logit_adjusted", "logits labels", "values gradient"};
  for (int i = 0; i < 3; i++) to->texts[i] = (xla_span){texts[i], strlen(texts[i])};
  /* In the order of the alphabet, as XLA has them. */
  set_attribute(to, 0, "class_counts", XLA_ARRAY, &to->array);
  set_attribute(to, 1, "classes", XLA_SCALAR, &to->scalars[0]);
  set_attribute(to, 2, "ignore_index", XLA_SCALAR, &to->scalars[1]);
  set_attribute(to, 3, "loss", XLA_STRING, &to->texts[0]);
  set_attribute(to, 4, "operands", XLA_STRING, &to->texts[1]);
  set_attribute(to, 5, "results", XLA_STRING, &to->texts[2]);
  set_attribute(to, 6, "row_axes", XLA_SCALAR, &to->scalars[2]);
  set_attribute(to, 7, "rows_are_compared", XLA_SCALAR, &to->scalars[3]);
  set_attribute(to, 8, "tau", XLA_SCALAR, &to->scalars[4]);
  to->frame.struct_size = XLA_FRAME_SIZE;
  to->frame.api = &to->api;
  to->frame.stage = XLA_EXECUTE;
  to->frame.arguments = (xla_arguments){XLA_ARGUMENTS_SIZE, NULL, 2, to->types, to->operands};
  to->frame.results = (xla_arguments){XLA_ARGUMENTS_SIZE, NULL, 2, to->result_types, to->results};
  to->frame.attributes =
      (xla_attributes){XLA_ATTRIBUTES_SIZE, NULL, 9, to->attribute_types, to->name_places, to->attributes};
}

/* Runs a handler. Its words if it refuses, else NULL. */
static const char *run_call(call *one, int stage) {
  one->frame.stage = stage;
  struct XLA_FFI_CallFrame *frame = (struct XLA_FFI_CallFrame *)&one->frame;
  const struct XLA_FFI_Error *error =
      stage == XLA_INSTANTIATE ? topkloss_xla_instantiate(frame) : topkloss_xla_evaluate(frame);
  CHECK(errors_alive == (error != NULL), "%d errors, %p", errors_alive, (const void *)error);
  errors_alive = 0;
  return error ? error->message : NULL;
}

#endif

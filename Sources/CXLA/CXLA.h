/*
 * What libtopkloss_xla.so uses of XLA's foreign function interface, of its C ABI (xla/ffi/api/c_api.h, version 0.1 to 0.3),
 * and of libc.
 *
 * Written anew, so that no build needs jaxlib; Tests/XLA/layout.c compares every size, offset and number with the header
 * that jaxlib ships. XLA gives as struct_size the end of a struct's last member, without padding: XLA_SIZE.
 */
#ifndef CXLA_H
#define CXLA_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../CSystem/COldSymbols.h"
#include "losses.h"

#define XLA_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/* The version of the interface that is spoken here at most. */
enum { XLA_MAJOR = 0, XLA_OLDEST_MINOR = 1, XLA_NEWEST_MINOR = 3 };

enum { XLA_METADATA_EXTENSION = 1 };

typedef struct xla_extension {
  size_t struct_size;
  int32_t type;
  struct xla_extension *next;
} xla_extension;

typedef struct xla_api_version {
  size_t struct_size;
  xla_extension *extension_start;
  int32_t major_version;
  int32_t minor_version;
} xla_api_version;

enum {
  XLA_INVALID_ARGUMENT = 3,
  XLA_RESOURCE_EXHAUSTED = 8,
  XLA_FAILED_PRECONDITION = 9,
  XLA_INTERNAL = 13
};

typedef struct xla_error_create {
  size_t struct_size;
  xla_extension *extension_start;
  const char *message;
  int32_t code;
} xla_error_create;

typedef struct xla_error_destroy {
  size_t struct_size;
  xla_extension *extension_start;
  struct XLA_FFI_Error *error;
} xla_error_destroy;

/* Element types. */
enum { XLA_S32 = 4, XLA_S64 = 5, XLA_U32 = 8, XLA_F16 = 10, XLA_F32 = 11, XLA_F64 = 12, XLA_BF16 = 16 };

typedef struct xla_buffer {
  size_t struct_size;
  xla_extension *extension_start;
  int32_t dtype;
  void *data;
  int64_t rank;
  int64_t *dims;
} xla_buffer;

/* The one kind of arguments, and of results. */
enum { XLA_BUFFER = 1 };

enum { XLA_ARRAY = 1, XLA_SCALAR = 3, XLA_STRING = 4 };

typedef struct xla_span {
  const char *start;
  size_t count;
} xla_span;

typedef struct xla_scalar {
  int32_t dtype;
  void *value;
} xla_scalar;

typedef struct xla_array {
  int32_t dtype;
  size_t count;
  void *data;
} xla_array;

typedef struct xla_arguments {
  size_t struct_size;
  xla_extension *extension_start;
  int64_t count;
  int32_t *types;
  void **values;
} xla_arguments;

typedef struct xla_attributes {
  size_t struct_size;
  xla_extension *extension_start;
  int64_t count;
  int32_t *types;
  xla_span **names;
  void **values;
} xla_attributes;

enum { XLA_INSTANTIATE = 0, XLA_EXECUTE = 3 };

typedef struct xla_type_id {
  int64_t number;
} xla_type_id;

typedef struct xla_type_info {
  size_t struct_size;
  xla_extension *extension_start;
  void (*deleter)(void *object);
} xla_type_info;

typedef struct xla_type_register {
  size_t struct_size;
  xla_extension *extension_start;
  xla_span name;
  xla_type_id *type_id;
  /* Since 0.2, and not counted in struct_size. */
  const xla_type_info *type_info;
} xla_type_register;

/* Of 0.1, and without the deleter of 0.2. */
typedef struct xla_state_set_old {
  size_t struct_size;
  xla_extension *extension_start;
  void *context;
  xla_type_id *type_id;
  void *state;
  void (*deleter)(void *state);
} xla_state_set_old;

typedef struct xla_state_get_old {
  size_t struct_size;
  xla_extension *extension_start;
  void *context;
  xla_type_id *type_id;
  void *state;
} xla_state_get_old;

/* Setting and getting, of 0.3. */
typedef struct xla_state {
  size_t struct_size;
  xla_extension *extension_start;
  void *context;
  int32_t stage;
  xla_type_id *type_id;
  void *state;
} xla_state;

typedef struct xla_metadata {
  size_t struct_size;
  xla_api_version api_version;
  uint32_t traits;
  /* Since 0.2, and not counted in struct_size. */
  xla_type_id state_type_id;
} xla_metadata;

typedef struct xla_metadata_extension {
  xla_extension base;
  xla_metadata *metadata;
} xla_metadata_extension;

/* As far as it is used. */
typedef struct xla_api {
  size_t struct_size;
  xla_extension *extension_start;
  xla_api_version api_version;
  const void *internal_api;
  struct XLA_FFI_Error *(*error_create)(xla_error_create *arguments);
  void *error_get_message;
  void (*error_destroy)(xla_error_destroy *arguments);
  void *handler_register;
  void *stream_get;
  struct XLA_FFI_Error *(*type_register)(xla_type_register *arguments);
  void *execution_context_get;
  /* Their arguments depend on the version: see above. */
  struct XLA_FFI_Error *(*state_set)(void *arguments);
  struct XLA_FFI_Error *(*state_get)(void *arguments);
} xla_api;

typedef struct xla_call_frame {
  size_t struct_size;
  xla_extension *extension_start;
  const xla_api *api;
  void *context;
  int32_t stage;
  xla_arguments arguments;
  xla_arguments results;
  xla_attributes attributes;
} xla_call_frame;

/* What struct_size of each is, or has to be at least. */
enum {
  XLA_EXTENSION_SIZE = XLA_SIZE(xla_extension, next),
  XLA_API_VERSION_SIZE = XLA_SIZE(xla_api_version, minor_version),
  XLA_ERROR_CREATE_SIZE = XLA_SIZE(xla_error_create, code),
  XLA_ERROR_DESTROY_SIZE = XLA_SIZE(xla_error_destroy, error),
  XLA_BUFFER_SIZE = XLA_SIZE(xla_buffer, dims),
  XLA_ARGUMENTS_SIZE = XLA_SIZE(xla_arguments, values),
  XLA_ATTRIBUTES_SIZE = XLA_SIZE(xla_attributes, values),
  XLA_TYPE_INFO_SIZE = XLA_SIZE(xla_type_info, deleter),
  XLA_TYPE_REGISTER_SIZE = XLA_SIZE(xla_type_register, type_id),
  /* Of 0.1 and of 0.2. */
  XLA_STATE_SET_FIRST_SIZE = XLA_SIZE(xla_state_set_old, deleter),
  XLA_STATE_SET_OLD_SIZE = XLA_SIZE(xla_state_set_old, state),
  XLA_STATE_GET_OLD_SIZE = XLA_SIZE(xla_state_get_old, state),
  XLA_STATE_SIZE = XLA_SIZE(xla_state, state),
  XLA_METADATA_SIZE = XLA_SIZE(xla_metadata, traits),
  /* Of the frame's head: enough to say what is wrong with the rest. */
  XLA_FRAME_HEAD_SIZE = XLA_SIZE(xla_call_frame, api),
  XLA_FRAME_SIZE = XLA_SIZE(xla_call_frame, attributes),
  XLA_API_ERRORS_SIZE = XLA_SIZE(xla_api, error_destroy),
  XLA_API_STATES_SIZE = XLA_SIZE(xla_api, state_get),
  /* Of 0.1, the first releases of which count no further, though the functions for states are there. */
  XLA_API_FIRST_SIZE = XLA_SIZE(xla_api, stream_get)
};

/* Swift takes pointers to functions to be there. */
static inline int xla_has_errors(const xla_api *api) { return api->error_create && api->error_destroy; }

static inline int xla_has_states(const xla_api *api) {
  return api->type_register && api->state_set && api->state_get;
}

/* Which of the copies of XLA that a process may hold has these functions. */
static inline intptr_t xla_copy(const xla_api *api) { return (intptr_t)api->type_register; }

static inline intptr_t xla_load(const intptr_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

static inline void xla_store(intptr_t *number, intptr_t value) { __atomic_store_n(number, value, __ATOMIC_RELEASE); }

/* 1 for the first that asks, 0 for all others. */
static inline int xla_claim(intptr_t *number) { return !__atomic_exchange_n(number, 1, __ATOMIC_ACQ_REL); }

/* snprintf is variadic, which Swift does not import. The name that %.*s stands for is cut where it is long. */
static inline void xla_write_text(char *text, size_t capacity, const char *format, const char *name, size_t length,
                                  long long first, long long second) {
  snprintf(text, capacity, format, (int)(length < 64 ? length : 64), name, first, second);
}

#endif

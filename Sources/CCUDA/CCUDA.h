/*
 * What libtopkloss_cuda.so uses of the CUDA driver (its stable C interface, by dlopen) and of libc.
 */
#ifndef CCUDA_H
#define CCUDA_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../CSystem/COldSymbols.h"

/* CUresult. */
enum { CUDA_SUCCESS = 0 };
/* CUpointer_attribute: the ordinal of the device that memory belongs to. */
enum { CUDA_POINTER_DEVICE_ORDINAL = 9 };
/* CUdevice_attribute. */
enum { CUDA_COMPUTE_CAPABILITY_MAJOR = 75 };
/* CUfunction_attribute. */
enum { CUDA_MAX_THREADS_PER_BLOCK = 0, CUDA_MAX_DYNAMIC_SHARED_BYTES = 8 };
/* CUstreamCaptureStatus. */
enum { CUDA_CAPTURE_NONE = 0 };

typedef int32_t cuda_result;
typedef struct CUctx_st *cuda_context;
typedef struct CUmod_st *cuda_module;
typedef struct CUfunc_st *cuda_function;
typedef struct CUstream_st *cuda_stream;

typedef cuda_result (*cuda_init)(unsigned flags);
typedef cuda_result (*cuda_driver_get_version)(int *version);
typedef cuda_result (*cuda_device_get_count)(int *count);
typedef cuda_result (*cuda_device_get)(int *device, int ordinal);
typedef cuda_result (*cuda_device_get_attribute)(int *value, int attribute, int device);
typedef cuda_result (*cuda_pointer_get_attribute)(void *value, int attribute, uint64_t pointer);
typedef cuda_result (*cuda_primary_context_retain)(cuda_context *context, int device);
typedef cuda_result (*cuda_context_push)(cuda_context context);
typedef cuda_result (*cuda_context_pop)(cuda_context *context);
typedef cuda_result (*cuda_stream_is_capturing)(cuda_stream stream, int *status);
typedef cuda_result (*cuda_module_load_data)(cuda_module *module, const void *image);
typedef cuda_result (*cuda_module_unload)(cuda_module module);
typedef cuda_result (*cuda_module_get_function)(cuda_function *function, cuda_module module, const char *name);
typedef cuda_result (*cuda_function_get_attribute)(int *value, int attribute, cuda_function function);
typedef cuda_result (*cuda_function_set_attribute)(cuda_function function, int attribute, int value);
typedef cuda_result (*cuda_launch_kernel)(cuda_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                          unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                          cuda_stream stream, void **parameters, void **extra);
typedef cuda_result (*cuda_get_error_string)(cuda_result error, const char **text);

static inline int cuda_is_enabled(void) {
  const char *wanted = getenv("TOPKLOSS_CUDA");
  return wanted && !strcmp(wanted, "1");
}

static inline intptr_t cuda_load(const intptr_t *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

/* Stores a value where there was 0. Returns what is there now. */
static inline intptr_t cuda_settle(intptr_t *number, intptr_t value) {
  intptr_t expected = 0;
  return __atomic_compare_exchange_n(number, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? value : expected;
}

/* What is kept of each device: its primary context, and a module for each family. 0: not yet. There when the library is loaded. */
enum { CUDA_DEVICES = 64, CUDA_FAMILIES = 32 };

static inline intptr_t *cuda_context_slot(long device) {
  static intptr_t contexts[CUDA_DEVICES];
  return contexts + device;
}

static inline intptr_t *cuda_module_slot(long device, long family) {
  static intptr_t modules[CUDA_DEVICES * CUDA_FAMILIES];
  return modules + device * CUDA_FAMILIES + family;
}

/* snprintf is variadic, which Swift does not import. */
static inline void cuda_write_text(char *text, size_t capacity, const char *format, const char *word, long long first,
                                   long long second) {
  snprintf(text, capacity, format, word, first, second);
}

static inline void cuda_write_driver_error(char *text, size_t capacity, const char *function, cuda_result error,
                                           const char *words) {
  snprintf(text, capacity, "the CUDA driver's %s failed with error %d: %s", function, (int)error, words);
}

#endif

/*
 * A call on a device that the stand-in driver of Tests/GPU plays, for the programs that are about libtopkloss_cuda.so.
 */
#ifndef CUDA_H
#define CUDA_H

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fakecuda.h"
#include "topkloss_cuda.h"

/* Of the driver's own interface, what a host of the library uses. */
int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuCtxPushCurrent_v2(void *context);
int cuCtxPopCurrent_v2(void **context);
int cuMemAlloc_v2(uint64_t *address, size_t bytes);

enum { CUDA_ROWS = 5, CUDA_CLASSES = 7 };

typedef struct {
  topkloss_loss *loss;
  topkloss_batch batch;
  topkloss_result result;
  topkloss_cuda_launch launch;
} cuda_call;

static inline FakeCounts fake_counts(void) {
  FakeCounts counts;
  fake_cuda_counts(&counts);
  return counts;
}

/* Memory of a device, which the processor reads and writes too, for the device is played. */
static inline void *device_memory(int device, size_t bytes) {
  void *context = NULL;
  uint64_t address = 0;
  const int is_there = cuInit(0) == 0 && cuDevicePrimaryCtxRetain(&context, device) == 0 &&
                       cuCtxPushCurrent_v2(context) == 0 && cuMemAlloc_v2(&address, bytes) == 0;
  cuCtxPopCurrent_v2(NULL);
  if (!is_there) exit(2);
  memset((void *)(uintptr_t)address, 0xFF, bytes);
  return (void *)(uintptr_t)address;
}

/* A loss with a vector by class, so that there are constants. */
static inline topkloss_loss *adjusted_loss(void) {
  static const double counts[CUDA_CLASSES] = {100, 50, 20, 10, 5, 2, 1};
  topkloss_loss *loss = NULL;
  topkloss_logit_adjusted_options options;
  topkloss_logit_adjusted_options_init(&options, sizeof options);
  options.class_counts = counts;
  options.classes = CUDA_CLASSES;
  if (topkloss_logit_adjusted_create(&options, &loss) != TOPKLOSS_OK) exit(2);
  return loss;
}

/* A call that is in order: float32 logits, labels, a gradient, row values, an outcome, all on the device. */
static inline cuda_call good_call(int device) {
  cuda_call call = {.loss = adjusted_loss()};
  float *const logits = device_memory(device, CUDA_ROWS * CUDA_CLASSES * sizeof *logits);
  int64_t *const labels = device_memory(device, CUDA_ROWS * sizeof *labels);
  for (int i = 0; i < CUDA_ROWS * CUDA_CLASSES; i++) logits[i] = sinf((float)i);
  for (int i = 0; i < CUDA_ROWS; i++) labels[i] = i;
  topkloss_batch_init(&call.batch, sizeof call.batch);
  topkloss_result_init(&call.result, sizeof call.result);
  call.batch.rows = CUDA_ROWS;
  call.batch.classes = CUDA_CLASSES;
  call.batch.dtype = TOPKLOSS_FLOAT32;
  call.batch.logits = logits;
  call.batch.label_type = TOPKLOSS_INT64;
  call.batch.labels = labels;
  call.result.gradient = device_memory(device, CUDA_ROWS * CUDA_CLASSES * sizeof *logits);
  call.result.row_values = device_memory(device, CUDA_ROWS * sizeof *logits);
  topkloss_cuda_memory memory = {.struct_size = sizeof memory};
  CHECK_OK(topkloss_cuda_needs(call.loss, &call.batch, &call.result, &memory));
  void *const constants = device_memory(device, memory.constants);
  CHECK_OK(topkloss_cuda_constants(call.loss, constants, memory.constants));
  call.launch = (topkloss_cuda_launch){.struct_size = sizeof call.launch,
                                       .constants = constants,
                                       .workspace = device_memory(device, memory.workspace),
                                       .workspace_bytes = memory.workspace,
                                       .outcome = device_memory(device, sizeof(topkloss_cuda_outcome))};
  return call;
}

static inline topkloss_status evaluate_call(const cuda_call *call) {
  return topkloss_cuda_evaluate(call->loss, &call->batch, &call->result, &call->launch);
}

/* That what the device has left is what the processor computes of the same memory. */
static inline void check_call(const cuda_call *call) {
  float gradient[CUDA_ROWS * CUDA_CLASSES];
  topkloss_result result;
  topkloss_result_init(&result, sizeof result);
  result.gradient = gradient;
  CHECK_OK(topkloss_evaluate(call->loss, &call->batch, &result));
  CHECK(fabs(call->launch.outcome->value - result.value) < 1e-6, "%g, not %g", call->launch.outcome->value, result.value);
  for (int i = 0; i < CUDA_ROWS * CUDA_CLASSES; i++) {
    const float found = ((const float *)call->result.gradient)[i];
    CHECK(fabsf(found - gradient[i]) < 1e-6F, "%d: %g, not %g", i, (double)found, (double)gradient[i]);
  }
  CHECK_OK(topkloss_cuda_check(call->launch.outcome, CUDA_CLASSES));
}

/* A call that must be refused so, in these words among others. */
#define CHECK_REFUSED(call, status, words)                                                            \
  do {                                                                                                \
    const topkloss_status status_of_call = (call);                                                    \
    CHECK(status_of_call == (status), "%s, not %s", topkloss_status_name(status_of_call), #status);   \
    CHECK(strstr(topkloss_last_error(), words) != NULL, "\"%s\", not %s", topkloss_last_error(), words); \
  } while (0)

#endif /* CUDA_H */

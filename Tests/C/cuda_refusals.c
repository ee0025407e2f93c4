/*
 * Every entry point of libtopkloss_cuda.so with every argument wrong: it says so, launches nothing and is as good as new.
 *
 * Fails without: any check in Sources/TopKLossCUDA/Entries.swift.
 */
#define _GNU_SOURCE
#include <fenv.h>

#include "cuda.h"
#include "floating_point.h"
#include "interpose.h"

static void pointers_that_are_null(cuda_call *good) {
  const cuda_call call = *good;
  topkloss_cuda_memory memory = {.struct_size = sizeof memory};
  CHECK_REFUSED(topkloss_cuda_devices(NULL), TOPKLOSS_ERROR_NULL_POINTER, "count is NULL");
  CHECK_REFUSED(topkloss_cuda_needs(NULL, &call.batch, &call.result, &memory), TOPKLOSS_ERROR_NULL_POINTER, "loss");
  CHECK_REFUSED(topkloss_cuda_needs(call.loss, NULL, &call.result, &memory), TOPKLOSS_ERROR_NULL_POINTER, "batch");
  CHECK_REFUSED(topkloss_cuda_needs(call.loss, &call.batch, NULL, &memory), TOPKLOSS_ERROR_NULL_POINTER, "result");
  CHECK_REFUSED(topkloss_cuda_needs(call.loss, NULL, NULL, &memory), TOPKLOSS_ERROR_NULL_POINTER, "batch");
  CHECK_REFUSED(topkloss_cuda_needs(call.loss, &call.batch, &call.result, NULL), TOPKLOSS_ERROR_NULL_POINTER, "memory");
  CHECK_REFUSED(topkloss_cuda_constants(NULL, &memory, sizeof memory), TOPKLOSS_ERROR_NULL_POINTER, "loss");
  CHECK_REFUSED(topkloss_cuda_constants(call.loss, NULL, 1 << 20), TOPKLOSS_ERROR_NULL_POINTER, "constants is NULL");
  CHECK_REFUSED(topkloss_cuda_prepare(NULL, 0), TOPKLOSS_ERROR_NULL_POINTER, "loss");
  CHECK_REFUSED(topkloss_cuda_evaluate(NULL, &call.batch, &call.result, &call.launch), TOPKLOSS_ERROR_NULL_POINTER, "loss");
  CHECK_REFUSED(topkloss_cuda_evaluate(call.loss, NULL, &call.result, &call.launch), TOPKLOSS_ERROR_NULL_POINTER, "batch");
  CHECK_REFUSED(topkloss_cuda_evaluate(call.loss, &call.batch, NULL, &call.launch), TOPKLOSS_ERROR_NULL_POINTER, "result");
  CHECK_REFUSED(topkloss_cuda_evaluate(call.loss, NULL, NULL, &call.launch), TOPKLOSS_ERROR_NULL_POINTER, "batch");
  CHECK_REFUSED(topkloss_cuda_evaluate(call.loss, &call.batch, &call.result, NULL), TOPKLOSS_ERROR_NULL_POINTER, "launch");
  CHECK_REFUSED(topkloss_cuda_check(NULL, CUDA_CLASSES), TOPKLOSS_ERROR_NULL_POINTER, "outcome is NULL");
}

/* One member of a call wrong at a time. */
#define WRONG(good, change, status, words)                \
  do {                                                    \
    cuda_call call = *(good);                             \
    change;                                               \
    CHECK_REFUSED(evaluate_call(&call), status, words);   \
  } while (0)

static void launches(cuda_call *good) {
  WRONG(good, call.launch.struct_size = 0, TOPKLOSS_ERROR_STRUCT_SIZE, "launch.struct_size is 0");
  WRONG(good, call.launch.struct_size++, TOPKLOSS_ERROR_STRUCT_SIZE, "launch.struct_size");
  WRONG(good, call.launch.constants = NULL, TOPKLOSS_ERROR_NULL_POINTER, "launch.constants is NULL");
  WRONG(good, call.launch.constants = (const char *)call.launch.constants + 8, TOPKLOSS_ERROR_SIZE, "launch.constants");
  WRONG(good, call.launch.workspace = NULL, TOPKLOSS_ERROR_NULL_POINTER, "launch.workspace is NULL");
  WRONG(good, call.launch.workspace = (char *)call.launch.workspace + 128, TOPKLOSS_ERROR_SIZE, "launch.workspace");
  WRONG(good, call.launch.workspace_bytes--, TOPKLOSS_ERROR_SIZE, "launch.workspace_bytes is");
  WRONG(good, call.launch.workspace_bytes = 0, TOPKLOSS_ERROR_SIZE, "launch.workspace_bytes is 0");
  WRONG(good, call.launch.outcome = (topkloss_cuda_outcome *)(void *)((char *)call.launch.outcome + 4), TOPKLOSS_ERROR_SIZE,
        "launch.outcome");
}

/* What the driver does not know; aligned as workspaces are. */
static _Alignas(256) char on_the_host[1 << 12];

static void memory_of_the_host(cuda_call *good) {
  static const char words[] = "is not in the memory of a device";
  void *const host = on_the_host;
  WRONG(good, call.batch.logits = host, TOPKLOSS_ERROR_DEVICE, "batch.logits is not in the memory of a device");
  WRONG(good, call.batch.labels = host, TOPKLOSS_ERROR_DEVICE, "batch.labels is not in the memory of a device");
  WRONG(good, call.batch.sample_weight = host, TOPKLOSS_ERROR_DEVICE, words);
  WRONG(good, call.batch.upstream = host, TOPKLOSS_ERROR_DEVICE, words);
  WRONG(good, call.result.gradient = host, TOPKLOSS_ERROR_DEVICE, words);
  WRONG(good, call.result.row_values = host, TOPKLOSS_ERROR_DEVICE, words);
  WRONG(good, call.launch.constants = host, TOPKLOSS_ERROR_DEVICE, "launch.constants is not in the memory of a device");
  WRONG(good, call.launch.workspace = host, TOPKLOSS_ERROR_DEVICE, "launch.workspace is not in the memory of a device");
  WRONG(good, call.launch.outcome = host, TOPKLOSS_ERROR_DEVICE, "launch.outcome is not in the memory of a device");
}

static void batches(cuda_call *good) {
  WRONG(good, call.batch.struct_size = 1, TOPKLOSS_ERROR_STRUCT_SIZE, "batch.struct_size");
  WRONG(good, call.batch.rows = -1, TOPKLOSS_ERROR_SIZE, "rows");
  WRONG(good, call.batch.rows = INT64_MAX, TOPKLOSS_ERROR_SIZE, "");
  WRONG(good, call.batch.classes = 0, TOPKLOSS_ERROR_SIZE, "classes");
  WRONG(good, call.batch.classes = CUDA_CLASSES - 1, TOPKLOSS_ERROR_SIZE, "classes");
  WRONG(good, call.batch.dtype = 99, TOPKLOSS_ERROR_ENUMERATOR, "dtype");
  WRONG(good, call.batch.dtype = TOPKLOSS_FLOAT64, TOPKLOSS_ERROR_UNSUPPORTED, "float64");
  WRONG(good, call.batch.label_type = 99, TOPKLOSS_ERROR_ENUMERATOR, "label_type");
  WRONG(good, call.batch.logits = NULL, TOPKLOSS_ERROR_NULL_POINTER, "logits");
  WRONG(good, call.batch.labels = NULL, TOPKLOSS_ERROR_NULL_POINTER, "labels");
  const char *const logits = good->batch.logits, *const labels = good->batch.labels;
  WRONG(good, call.batch.logits = logits + 2, TOPKLOSS_ERROR_SIZE, "batch.logits must be a multiple of 4");
  WRONG(good, call.batch.labels = labels + 4, TOPKLOSS_ERROR_SIZE, "batch.labels must be a multiple of 8");
  WRONG(good, call.batch.sample_weight = (const double *)(const void *)(labels + 4), TOPKLOSS_ERROR_SIZE, "batch.sample_weight");
  WRONG(good, call.batch.upstream = (const double *)(const void *)(labels + 4), TOPKLOSS_ERROR_SIZE, "batch.upstream");
  WRONG(good, call.result.gradient = (char *)call.result.gradient + 1, TOPKLOSS_ERROR_SIZE, "result.gradient");
  WRONG(good, call.result.row_values = (char *)call.result.row_values + 2, TOPKLOSS_ERROR_SIZE, "result.row_values");
  WRONG(good, call.result.gradient = call.result.row_values, TOPKLOSS_ERROR_ALIASING, "");
  WRONG(good, call.result.struct_size = 1, TOPKLOSS_ERROR_STRUCT_SIZE, "result.struct_size");
}

static void others(cuda_call *good) {
  topkloss_cuda_memory memory = {.struct_size = 1};
  CHECK_REFUSED(topkloss_cuda_needs(good->loss, &good->batch, &good->result, &memory), TOPKLOSS_ERROR_STRUCT_SIZE,
                "memory.struct_size is 1");
  memory.struct_size = sizeof memory;
  topkloss_batch batch = good->batch;
  batch.dtype = TOPKLOSS_FLOAT64;
  CHECK_REFUSED(topkloss_cuda_needs(good->loss, &batch, &good->result, &memory), TOPKLOSS_ERROR_UNSUPPORTED, "float64");
  /* More classes than kernels can number, whether there are rows or not. */
  topkloss_single_positive_options options;
  topkloss_single_positive_options_init(&options, sizeof options);
  topkloss_loss *of_any_classes = NULL;
  topkloss_result value_alone;
  topkloss_result_init(&value_alone, sizeof value_alone);
  CHECK_OK(topkloss_single_positive_create(&options, &of_any_classes));
  static const int64_t classes[] = {(INT64_C(1) << 30) + 1, INT64_C(1) << 32, INT64_C(1) << 40};
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    batch = good->batch;
    batch.classes = classes[i];
    batch.rows = i < 2 ? 1 : 0;
    CHECK_REFUSED(topkloss_cuda_needs(of_any_classes, &batch, &value_alone, &memory), TOPKLOSS_ERROR_UNSUPPORTED,
                  "so many classes");
  }
  topkloss_loss_destroy(of_any_classes);
  char constants[4096];
  CHECK_REFUSED(topkloss_cuda_constants(good->loss, constants, 3), TOPKLOSS_ERROR_SIZE, "bytes is 3");
  static const int32_t none[] = {-1, 1, 63, 64, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    CHECK_REFUSED(topkloss_cuda_prepare(good->loss, none[i]), TOPKLOSS_ERROR_DEVICE, "");
  topkloss_cuda_outcome outcome = {.fault = 1, .row = 3, .label = 9};
  CHECK_REFUSED(topkloss_cuda_check(&outcome, CUDA_CLASSES), TOPKLOSS_ERROR_LABEL, "row 3 is 9, which is none of 7 classes");
  for (outcome.fault = 2; outcome.fault < 9; outcome.fault++)
    CHECK_REFUSED(topkloss_cuda_check(&outcome, CUDA_CLASSES), TOPKLOSS_ERROR_NOT_FINITE, "");
}

/* What is done with scores once a model is trained. */
static void after(cuda_call *good) {
  topkloss_topk_accuracy_options options;
  CHECK_OK(topkloss_topk_accuracy_options_init(&options, sizeof options));
  const topkloss_cuda_launch *const launch = &good->launch;
  CHECK_REFUSED(topkloss_cuda_topk_accuracy(NULL, &good->batch, launch), TOPKLOSS_ERROR_NULL_POINTER, "options is NULL");
  CHECK_REFUSED(topkloss_cuda_topk_accuracy(&options, NULL, launch), TOPKLOSS_ERROR_NULL_POINTER, "batch is NULL");
  CHECK_REFUSED(topkloss_cuda_topk_accuracy(&options, &good->batch, NULL), TOPKLOSS_ERROR_NULL_POINTER, "launch is NULL");
  options.k = 0;
  CHECK_REFUSED(topkloss_cuda_topk_accuracy(&options, &good->batch, launch), TOPKLOSS_ERROR_OPTION, "options.k is 0");
  options.struct_size = 1;
  CHECK_REFUSED(topkloss_cuda_topk_accuracy(&options, &good->batch, launch), TOPKLOSS_ERROR_STRUCT_SIZE, "options");
  const float *const offset = good->launch.constants;
  void *const out = good->result.gradient;
  CHECK_REFUSED(topkloss_cuda_logit_adjust(NULL, &good->batch, out, 0, NULL), TOPKLOSS_ERROR_NULL_POINTER, "offset is NULL");
  CHECK_REFUSED(topkloss_cuda_logit_adjust(offset, NULL, out, 0, NULL), TOPKLOSS_ERROR_NULL_POINTER, "batch is NULL");
  CHECK_REFUSED(topkloss_cuda_logit_adjust(offset, &good->batch, NULL, 0, NULL), TOPKLOSS_ERROR_NULL_POINTER, "adjusted is NULL");
  CHECK_REFUSED(topkloss_cuda_logit_adjust(offset + 1, &good->batch, out, 0, NULL), TOPKLOSS_ERROR_SIZE, "offset must be");
  CHECK_REFUSED(topkloss_cuda_logit_adjust((const float *)(void *)on_the_host, &good->batch, out, 0, NULL), TOPKLOSS_ERROR_DEVICE,
                "offset is not in the memory of a device");
}

static void all(cuda_call *good) {
  after(good);
  pointers_that_are_null(good);
  launches(good);
  batches(good);
  memory_of_the_host(good);
  others(good);
}

/* With what a host may have set: no call changes it, and none is harmed by it. */
static void floating_point(cuda_call *good) {
  static const unsigned modes[] = FLUSH_MODES;
  static const int roundings[] = {FE_UPWARD, FE_TOWARDZERO};
  const unsigned before = control();
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    for (size_t j = 0; j < sizeof roundings / sizeof roundings[0]; j++) {
      fesetround(roundings[j]);
      set_control(control() | modes[i]);
      const unsigned chosen = control();
      all(good);
      CHECK_OK(evaluate_call(good));
      CHECK(control() == chosen && fegetround() == roundings[j], "%x, not %x", control(), chosen);
      fesetround(FE_TONEAREST);
      set_control(before);
    }
  }
}

int main(void) {
  alarm(6 * PATIENCE);
  cuda_call good = good_call(0);
  int32_t count = 0;
  CHECK_OK(topkloss_cuda_devices(&count));
  CHECK(count == 1, "%d", count);
  const FakeCounts before = fake_counts();
  all(&good);
  reset_allocation_calls();
  topkloss_cuda_memory memory = {.struct_size = sizeof memory};
  char constants[4096];
  CHECK_OK(topkloss_cuda_needs(good.loss, &good.batch, &good.result, &memory));
  CHECK_OK(topkloss_cuda_constants(good.loss, constants, memory.constants));
  CHECK(allocation_calls() == 0, "%ld", allocation_calls());
  const FakeCounts after = fake_counts();
  CHECK(after.launches == before.launches, "a call that is refused launches a kernel");
  CHECK(after.allocations == before.allocations && after.copies == before.copies, "the device's memory is used");
  CHECK(after.depth == 0, "a context is left");
  CHECK_OK(evaluate_call(&good));
  check_call(&good);
  floating_point(&good);
  const FakeCounts end = fake_counts();
  CHECK(end.allocations == before.allocations && end.synchronizations == before.synchronizations && end.copies == before.copies,
        "something is allocated, copied or waited for");
  topkloss_loss_destroy(good.loss);
  return check_summary();
}

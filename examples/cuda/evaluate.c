/*
 * A loss and its gradient where the logits are, on the first NVIDIA GPU, by the driver's own interface.
 *
 *   cc evaluate.c $(pkg-config --cflags --libs topkloss-cuda) -I/usr/local/cuda/include -l:libcuda.so.1 -lm -o evaluate
 *   TOPKLOSS_CUDA=1 ./evaluate
 */
#include <cuda.h>
#include <stdio.h>
#include <stdlib.h>
#include <topkloss_cuda.h>

static void check(int failed, const char *what) {
  if (failed == 0) return;
  fprintf(stderr, "%s: %d, %s\n", what, failed, topkloss_last_error());
  _Exit(1);
}

/* Memory of the device with a copy of what is on the host, if anything. */
static void *on_device(const void *data, size_t bytes) {
  CUdeviceptr memory = 0;
  check(cuMemAlloc(&memory, bytes), "cuMemAlloc");
  if (data != NULL) check(cuMemcpyHtoD(memory, data, bytes), "cuMemcpyHtoD");
  return (void *)(size_t)memory;
}

int main(void) {
  const float logits[2 * 3] = {1, 2, 3, 3, 2, 1};
  const int64_t labels[2] = {2, 1};
  const double counts[3] = {900, 90, 10};
  float gradient[2 * 3];
  CUdevice device;
  CUcontext context;
  check(cuInit(0) || cuDeviceGet(&device, 0) || cuDevicePrimaryCtxRetain(&context, device) || cuCtxPushCurrent(context), "CUDA");

  topkloss_loss *loss = NULL;
  topkloss_logit_adjusted_options options;
  check(topkloss_logit_adjusted_options_init(&options, sizeof options), "options");
  options.classes = 3;
  options.class_counts = counts;
  check(topkloss_logit_adjusted_create(&options, &loss), "loss");

  topkloss_batch batch;
  topkloss_result result;
  check(topkloss_batch_init(&batch, sizeof batch), "batch");
  check(topkloss_result_init(&result, sizeof result), "result");
  batch.rows = 2;
  batch.classes = 3;
  batch.dtype = TOPKLOSS_FLOAT32;
  batch.logits = on_device(logits, sizeof logits);
  batch.labels = on_device(labels, sizeof labels);
  result.gradient = on_device(NULL, sizeof gradient);

  /* Once for a loss and a device, and for batches of this size. */
  topkloss_cuda_memory memory = {.struct_size = sizeof memory};
  check(topkloss_cuda_needs(loss, &batch, &result, &memory), "needs");
  char constants[4096];
  check(memory.constants > sizeof constants || topkloss_cuda_constants(loss, constants, memory.constants), "constants");
  topkloss_cuda_launch launch = {.struct_size = sizeof launch, .stream = NULL};
  launch.constants = on_device(constants, memory.constants);
  launch.workspace = on_device(NULL, memory.workspace);
  launch.workspace_bytes = memory.workspace;
  launch.outcome = on_device(NULL, sizeof *launch.outcome);

  /* For each batch: returns once kernels are on the stream. The copies wait for them. */
  check(topkloss_cuda_evaluate(loss, &batch, &result, &launch), "evaluate");
  topkloss_cuda_outcome outcome;
  check(cuMemcpyDtoH(&outcome, (CUdeviceptr)(size_t)launch.outcome, sizeof outcome), "cuMemcpyDtoH");
  check(topkloss_cuda_check(&outcome, 3), "the batch");
  check(cuMemcpyDtoH(gradient, (CUdeviceptr)(size_t)result.gradient, sizeof gradient), "cuMemcpyDtoH");
  printf("loss %.4f, gradient of the first logit %.4f\n", outcome.value, (double)gradient[0]);
  topkloss_loss_destroy(loss);
  return 0;
}

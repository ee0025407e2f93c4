/*
 * Where there is no CUDA driver: every function says so, each time, or does what it needs none for.
 */
#include "check.h"
#include "topkloss_cuda.h"

/* A second time, to see its guard work. */
#include "topkloss_cuda.h"

static void refused(topkloss_status status) {
  CHECK(status == TOPKLOSS_ERROR_DEVICE, "%s", topkloss_status_name(status));
  CHECK(strstr(topkloss_last_error(), "no libcuda.so.1") != NULL, "%s", topkloss_last_error());
}

int main(void) {
  float logits[2][3] = {{0}}, gradient[2][3];
  const int64_t labels[2] = {0, 2};
  /* Aligned as a device's memory is. */
  _Alignas(256) static char workspace[1 << 20];
  topkloss_loss *loss = NULL;
  CHECK_OK(topkloss_cross_entropy_create(NULL, &loss));
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = 2;
  batch.classes = 3;
  batch.logits = logits;
  batch.labels = labels;
  result.gradient = gradient;
  topkloss_cuda_memory memory = {.struct_size = sizeof memory};
  CHECK_OK(topkloss_cuda_needs(loss, &batch, &result, &memory));
  CHECK(memory.constants == 0 && memory.workspace > 0 && memory.workspace % 256 == 0, "%zu", memory.workspace);
  CHECK_OK(topkloss_cuda_constants(loss, NULL, 0));
  const topkloss_cuda_outcome outcome = {.value = 1, .row = -1};
  CHECK_OK(topkloss_cuda_check(&outcome, 3));
  const topkloss_cuda_launch launch = {
      .struct_size = sizeof launch, .workspace = workspace, .workspace_bytes = memory.workspace};
  CHECK(memory.workspace <= sizeof workspace, "%zu", memory.workspace);
  for (int i = 0; i < 2; i++) {
    int32_t count = 0;
    refused(topkloss_cuda_devices(&count));
    refused(topkloss_cuda_prepare(loss, 0));
    refused(topkloss_cuda_evaluate(loss, &batch, &result, &launch));
  }
  topkloss_loss_destroy(loss);
  return check_summary();
}

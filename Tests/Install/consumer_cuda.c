/* A program out of the tree, in C or in C++, for GPUs: it finds out what a call takes, and whether there is a device. */
#include <stdio.h>
#include <topkloss_cuda.h>

int main(void) {
  const float logits = 0;
  const int64_t label = 0;
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  topkloss_cuda_memory memory;
  int32_t count = 0;
  topkloss_status status;
  if (topkloss_cross_entropy_create(NULL, &loss) != TOPKLOSS_OK) return 1;
  topkloss_batch_init(&batch, sizeof batch);
  batch.rows = 1;
  batch.classes = 1;
  batch.logits = &logits;
  batch.labels = &label;
  topkloss_result_init(&result, sizeof result);
  memory.struct_size = sizeof memory;
  if (topkloss_cuda_needs(loss, &batch, &result, &memory) != TOPKLOSS_OK) return 1;
  topkloss_loss_destroy(loss);
  status = topkloss_cuda_devices(&count);
  if (status != TOPKLOSS_OK && status != TOPKLOSS_ERROR_DEVICE) return 1;
  puts(memory.workspace > 0 && (count > 0) == (status == TOPKLOSS_OK) ? "ready" : topkloss_last_error());
  return 0;
}

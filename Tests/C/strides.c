/*
 * Strides and neighbours at their extremes: with one row a stride means nothing, whatever it is; output may lie right
 * behind noise that is read.
 */
#include "every_loss.h"

enum { CLASSES = 8, K = 2, SAMPLES = 3 };

static void one_row(topkloss_loss *loss, int64_t stride, int64_t gradient_stride) {
  float logits[2 * CLASSES];
  float multi_label_logits[CLASSES];
  float multi_label_gradient[CLASSES];
  float expected[CLASSES];
  float multi_label_expected[CLASSES];
  const int64_t label = 3;
  topkloss_batch batch;
  topkloss_result result;
  for (int c = 0; c < 2 * CLASSES; c++) logits[c] = (float)c / 4;
  for (int c = 0; c < CLASSES; c++) multi_label_logits[c] = 1.0F - (float)c / 2;
  memset(multi_label_gradient, 0, sizeof multi_label_gradient);
  memset(multi_label_expected, 0, sizeof multi_label_expected);
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = 1;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = &label;
  batch.multi_label_logits = multi_label_logits;
  result.gradient = expected;
  result.multi_label_gradient = multi_label_expected;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));

  batch.logits_row_stride = stride;
  batch.multi_label_row_stride = stride;
  result.gradient_row_stride = gradient_stride;
  result.multi_label_gradient_row_stride = gradient_stride;
  result.multi_label_gradient = multi_label_gradient;
  result.gradient = logits + 2;
  CHECK(topkloss_evaluate(loss, &batch, &result) == TOPKLOSS_ERROR_ALIASING, "askew");
  result.gradient = logits + CLASSES;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  CHECK(memcmp(logits + CLASSES, expected, sizeof expected) == 0, "stride %lld",
        (long long)stride);
  CHECK(memcmp(multi_label_gradient, multi_label_expected, sizeof multi_label_expected) == 0,
        "multi-label, stride %lld", (long long)stride);
  result.gradient = logits;
  result.multi_label_gradient = multi_label_logits;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  CHECK(memcmp(logits, expected, sizeof expected) == 0, "in place, stride %lld",
        (long long)stride);
}

static void behind_noise(void) {
  float memory[2 * SAMPLES * CLASSES + 2 * CLASSES];
  float logits[2 * CLASSES];
  const int64_t labels[2] = {1, 5};
  topkloss_noised_topk_options options;
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  memset(memory, 0, sizeof memory);
  for (int c = 0; c < 2 * CLASSES; c++) logits[c] = (float)(c % 5);
  CHECK_OK(topkloss_noised_topk_options_init(&options, sizeof options));
  options.k = K;
  options.n_samples = SAMPLES;
  CHECK_OK(topkloss_noised_topk_create(&options, &loss));
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = 2;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = labels;
  batch.noise = memory;
  result.gradient = memory + 2 * SAMPLES * CLASSES;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  result.gradient = memory + 2 * SAMPLES * CLASSES - 1;
  CHECK(topkloss_evaluate(loss, &batch, &result) == TOPKLOSS_ERROR_ALIASING, "over the noise");
  topkloss_loss_destroy(loss);
}

int main(void) {
  const int64_t strides[] = {0, 100, -3, INT64_C(1) << 61, INT64_C(1) << 62, INT64_MIN, INT64_MAX};
  const size_t count = sizeof strides / sizeof strides[0];
  double counts[CLASSES];
  for (int c = 0; c < CLASSES; c++) counts[c] = 10.0 + c;
  make_loss_kinds();
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss));
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < count; j++) one_row(loss, strides[i], strides[j]);
    topkloss_loss_destroy(loss);
  }
  behind_noise();
  return check_summary();
}

#ifndef TOPKLOSS_H
#define TOPKLOSS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define TOPKLOSS_API __attribute__((visibility("default")))
#else
#define TOPKLOSS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define TOPKLOSS_VERSION "0.2.0"

#define TOPKLOSS_ABI_VERSION 1

typedef int32_t topkloss_status;

enum {

  TOPKLOSS_OK = 0,

  TOPKLOSS_ERROR_NULL_POINTER = 1,

  TOPKLOSS_ERROR_STRUCT_SIZE = 2,

  TOPKLOSS_ERROR_SIZE = 3,

  TOPKLOSS_ERROR_ENUMERATOR = 4,

  TOPKLOSS_ERROR_OPTION = 5,

  TOPKLOSS_ERROR_CLASS_COUNT = 6,

  TOPKLOSS_ERROR_LABEL = 7,

  TOPKLOSS_ERROR_NOT_FINITE = 8,

  TOPKLOSS_ERROR_ALIASING = 9,

  TOPKLOSS_ERROR_OUT_OF_MEMORY = 10,

  TOPKLOSS_ERROR_EXECUTOR = 11,

  TOPKLOSS_ERROR_DEVICE = 12,

  TOPKLOSS_ERROR_UNSUPPORTED = 13
};

TOPKLOSS_API const char *topkloss_status_name(topkloss_status status);

TOPKLOSS_API const char *topkloss_last_error(void);

TOPKLOSS_API const char *topkloss_version(void);

TOPKLOSS_API int32_t topkloss_abi_version(void);

TOPKLOSS_API const char *topkloss_simd(void);

TOPKLOSS_API topkloss_status topkloss_set_num_threads(int32_t count);

TOPKLOSS_API int32_t topkloss_get_num_threads(void);

TOPKLOSS_API void topkloss_trim(void);

typedef void (*topkloss_task)(void *task_context, int64_t index);

typedef void (*topkloss_parallel_for)(void *executor_context, int64_t count, topkloss_task task,
                                      void *task_context);

typedef struct topkloss_executor {

  size_t struct_size;

  topkloss_parallel_for parallel_for;

  void *context;

  int32_t concurrency;

  int32_t reserved;
} topkloss_executor;

TOPKLOSS_API topkloss_status topkloss_executor_init(topkloss_executor *executor, size_t struct_size);

typedef int32_t topkloss_dtype;

enum {

  TOPKLOSS_FLOAT32 = 0,

  TOPKLOSS_FLOAT64 = 1,

  TOPKLOSS_FLOAT16 = 2,

  TOPKLOSS_BFLOAT16 = 3
};

typedef int32_t topkloss_label_type;

enum {

  TOPKLOSS_INT64 = 0,

  TOPKLOSS_INT32 = 1
};

typedef struct topkloss_batch {

  size_t struct_size;

  int64_t rows;

  int64_t classes;

  topkloss_dtype dtype;

  topkloss_label_type label_type;

  const void *logits;

  int64_t logits_row_stride;

  const void *labels;

  const double *sample_weight;

  const double *upstream;

  const void *noise;

  int64_t noise_row_stride;

  int64_t noise_sample_stride;

  uint64_t step;

  int64_t first_row;

  const topkloss_executor *executor;

  const void *multi_label_logits;

  int64_t multi_label_row_stride;

  int64_t rows_per_group;

  int64_t logits_class_stride;

  int64_t logits_group_stride;

  int64_t multi_label_class_stride;

  int64_t multi_label_group_stride;

  const void *soft_labels;

  int64_t soft_labels_row_stride;

  int64_t soft_labels_class_stride;

  int64_t soft_labels_group_stride;
} topkloss_batch;

typedef struct topkloss_result {

  size_t struct_size;

  double value;

  double total_weight;

  void *row_values;

  void *gradient;

  int64_t gradient_row_stride;

  void *multi_label_gradient;

  int64_t multi_label_gradient_row_stride;

  double threshold;

  int64_t gradient_class_stride;

  int64_t gradient_group_stride;

  int64_t multi_label_gradient_class_stride;

  int64_t multi_label_gradient_group_stride;
} topkloss_result;

TOPKLOSS_API topkloss_status topkloss_batch_init(topkloss_batch *batch, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_result_init(topkloss_result *result, size_t struct_size);

typedef int32_t topkloss_reduction;

enum {

  TOPKLOSS_MEAN = 0,

  TOPKLOSS_SUM = 1,

  TOPKLOSS_NONE = 2
};

#define TOPKLOSS_IGNORE_INDEX (-100)

typedef struct topkloss_loss topkloss_loss;

TOPKLOSS_API topkloss_status topkloss_evaluate(const topkloss_loss *loss, const topkloss_batch *batch,
                                               topkloss_result *result);

TOPKLOSS_API void topkloss_loss_destroy(topkloss_loss *loss);

typedef struct topkloss_cross_entropy_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_weight;

  double label_smoothing;
} topkloss_cross_entropy_options;

TOPKLOSS_API topkloss_status topkloss_cross_entropy_options_init(
    topkloss_cross_entropy_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_cross_entropy_create(
    const topkloss_cross_entropy_options *options, topkloss_loss **out);

typedef struct topkloss_logit_adjusted_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  const double *class_weight;

  double label_smoothing;

  double tau;
} topkloss_logit_adjusted_options;

TOPKLOSS_API topkloss_status topkloss_logit_adjusted_options_init(
    topkloss_logit_adjusted_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_logit_adjusted_create(
    const topkloss_logit_adjusted_options *options, topkloss_loss **out);

typedef struct topkloss_ldam_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  const double *class_weight;

  double label_smoothing;

  double max_margin;

  double scale;
} topkloss_ldam_options;

TOPKLOSS_API topkloss_status topkloss_ldam_options_init(topkloss_ldam_options *options,
                                                        size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_ldam_create(const topkloss_ldam_options *options,
                                                  topkloss_loss **out);

typedef struct topkloss_elm_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  const double *class_weight;

  double label_smoothing;

  double max_margin;

  double scale;

  double lam;
} topkloss_elm_options;

TOPKLOSS_API topkloss_status topkloss_elm_options_init(topkloss_elm_options *options,
                                                       size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_elm_create(const topkloss_elm_options *options,
                                                 topkloss_loss **out);

typedef struct topkloss_vector_scaling_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  const double *class_weight;

  double label_smoothing;

  double gamma;

  double tau;
} topkloss_vector_scaling_options;

TOPKLOSS_API topkloss_status topkloss_vector_scaling_options_init(topkloss_vector_scaling_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_vector_scaling_create(const topkloss_vector_scaling_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_margin_softmax_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_weight;

  double label_smoothing;

  const double *offset;

  const double *margin;

  const double *class_scale;

  double scale;

  double lam;
} topkloss_margin_softmax_options;

TOPKLOSS_API topkloss_status topkloss_margin_softmax_options_init(topkloss_margin_softmax_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_margin_softmax_create(const topkloss_margin_softmax_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_seesaw_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  const double *class_weight;

  double label_smoothing;

  double p;

  double q;
} topkloss_seesaw_options;

TOPKLOSS_API topkloss_status topkloss_seesaw_options_init(topkloss_seesaw_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_seesaw_create(const topkloss_seesaw_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_focal_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_weight;

  double gamma;
} topkloss_focal_options;

TOPKLOSS_API topkloss_status topkloss_focal_options_init(topkloss_focal_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_focal_create(const topkloss_focal_options *options,
                                                    topkloss_loss **out);

typedef int32_t topkloss_estimator;

enum {

  TOPKLOSS_MONTE_CARLO = 0,

  TOPKLOSS_EXACT = 1
};

typedef struct topkloss_noised_topk_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t k;

  int64_t n_samples;

  uint64_t seed;

  double epsilon;

  double margin;

  double scale;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  double max_margin;

  topkloss_estimator estimator;

  int32_t reserved;
} topkloss_noised_topk_options;

TOPKLOSS_API topkloss_status topkloss_noised_topk_options_init(topkloss_noised_topk_options *options,
                                                               size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_noised_topk_create(const topkloss_noised_topk_options *options,
                                                         topkloss_loss **out);

typedef struct topkloss_noised_topk_operator_options {

  size_t struct_size;

  int64_t k;

  int64_t n_samples;

  uint64_t seed;

  double epsilon;

  topkloss_estimator estimator;

  int32_t check_finite;
} topkloss_noised_topk_operator_options;

TOPKLOSS_API topkloss_status topkloss_noised_topk_operator_options_init(
    topkloss_noised_topk_operator_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_noised_topk_operator_create(
    const topkloss_noised_topk_operator_options *options, topkloss_loss **out);

typedef struct topkloss_topk_hinge_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t k;

  double margin;
} topkloss_topk_hinge_options;

TOPKLOSS_API topkloss_status topkloss_topk_hinge_options_init(topkloss_topk_hinge_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_topk_hinge_create(const topkloss_topk_hinge_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_smooth_topk_svm_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t k;

  double tau;

  double alpha;
} topkloss_smooth_topk_svm_options;

TOPKLOSS_API topkloss_status topkloss_smooth_topk_svm_options_init(topkloss_smooth_topk_svm_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_smooth_topk_svm_create(const topkloss_smooth_topk_svm_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_topk_cross_entropy_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t k;

  double epsilon;

  const double *weights;
} topkloss_topk_cross_entropy_options;

TOPKLOSS_API topkloss_status topkloss_topk_cross_entropy_options_init(
    topkloss_topk_cross_entropy_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_topk_cross_entropy_create(
    const topkloss_topk_cross_entropy_options *options, topkloss_loss **out);

TOPKLOSS_API topkloss_status topkloss_standard_normal(uint64_t seed, uint64_t step, int64_t first_row,
                                                      int64_t rows, int64_t n_samples,
                                                      int64_t classes, float *noise);

typedef int32_t topkloss_teacher_rule;

enum {

  TOPKLOSS_RANK_TEACHER = 0,

  TOPKLOSS_POWER_TEACHER = 1
};

typedef struct topkloss_outlying_mse_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  double alpha;

  const double *teacher;

  topkloss_teacher_rule teacher_rule;

  int32_t reserved;

  double power;
} topkloss_outlying_mse_options;

TOPKLOSS_API topkloss_status topkloss_outlying_mse_options_init(topkloss_outlying_mse_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_outlying_mse_create(const topkloss_outlying_mse_options *options,
                                                    topkloss_loss **out);

typedef int32_t topkloss_prediction_rule;

enum {

  TOPKLOSS_ARGMAX = 0,

  TOPKLOSS_NEAREST_TEACHER = 1
};

TOPKLOSS_API topkloss_status topkloss_outlying_mse_teacher(const topkloss_loss *loss, int64_t classes,
                                                           double *teacher);

TOPKLOSS_API topkloss_status topkloss_outlying_mse_predict(const topkloss_loss *loss,
                                                           const topkloss_batch *batch,
                                                           topkloss_prediction_rule rule,
                                                           int64_t *predictions);

typedef int32_t topkloss_class_reduction;

enum {

  TOPKLOSS_CLASS_SUM = 0,

  TOPKLOSS_CLASS_MEAN = 1
};

typedef struct topkloss_two_head_average_k_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  double k;

  double candidate_weight;

  double multi_label_weight;

  topkloss_class_reduction class_reduction;

  int32_t reserved;

  double threshold_decay;
} topkloss_two_head_average_k_options;

TOPKLOSS_API topkloss_status topkloss_two_head_average_k_options_init(topkloss_two_head_average_k_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_two_head_average_k_create(const topkloss_two_head_average_k_options *options,
                                                    topkloss_loss **out);

typedef int32_t topkloss_single_positive_method;

enum {

  TOPKLOSS_ASSUME_NEGATIVE = 0,

  TOPKLOSS_WEAK_ASSUME_NEGATIVE = 1,

  TOPKLOSS_EXPECTED_POSITIVE = 2
};

typedef struct topkloss_single_positive_options {

  size_t struct_size;

  topkloss_reduction reduction;

  int32_t check_finite;

  int64_t ignore_index;

  topkloss_single_positive_method method;

  int32_t reserved;

  double expected_positives;

  double regularization;
} topkloss_single_positive_options;

TOPKLOSS_API topkloss_status topkloss_single_positive_options_init(topkloss_single_positive_options *options,
                                                          size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_single_positive_create(const topkloss_single_positive_options *options,
                                                    topkloss_loss **out);

typedef struct topkloss_threshold {

  size_t struct_size;

  double value;

  int64_t ties;

  int64_t classes;

  const double *class_values;
} topkloss_threshold;

TOPKLOSS_API topkloss_status topkloss_threshold_init(topkloss_threshold *threshold, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_average_k_threshold(double k, const topkloss_batch *batch,
                                                          topkloss_threshold *threshold);

TOPKLOSS_API topkloss_status topkloss_predict_sets(const topkloss_threshold *threshold,
                                                   int32_t never_empty, const topkloss_batch *batch,
                                                   int64_t *indptr, int64_t *indices, int64_t capacity);

typedef int32_t topkloss_conformal_method;

enum {

  TOPKLOSS_CONFORMAL_STANDARD = 0,

  TOPKLOSS_CONFORMAL_CLASSWISE = 1,

  TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED = 2,

  TOPKLOSS_CONFORMAL_INTERPOLATED = 3
};

typedef struct topkloss_conformal_options {

  size_t struct_size;

  int64_t ignore_index;

  topkloss_conformal_method method;

  int32_t reserved;

  double coverage;

  double weight;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;
} topkloss_conformal_options;

TOPKLOSS_API topkloss_status topkloss_conformal_options_init(topkloss_conformal_options *options,
                                                             size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_conformal_thresholds(const topkloss_conformal_options *options,
                                                           const topkloss_batch *batch, double *thresholds);

typedef struct topkloss_shard {

  size_t struct_size;

  int64_t all_classes;

  int64_t first_class;

  int64_t shards;

  int64_t index;

  const void *states;
} topkloss_shard;

TOPKLOSS_API topkloss_status topkloss_shard_init(topkloss_shard *shard, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_shard_bytes(const topkloss_loss *loss, int64_t *bytes);

TOPKLOSS_API topkloss_status topkloss_shard_partial(const topkloss_loss *loss, const topkloss_batch *batch,
                                                    const topkloss_shard *shard, void *states);

TOPKLOSS_API topkloss_status topkloss_shard_complete(const topkloss_loss *loss, const topkloss_batch *batch,
                                                     const topkloss_shard *shard, topkloss_result *result);

typedef struct topkloss_logit_adjust_options {

  size_t struct_size;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  double tau;

  int64_t adjusted_class_stride;

  int64_t adjusted_group_stride;

  const double *target_prior;
} topkloss_logit_adjust_options;

TOPKLOSS_API topkloss_status topkloss_logit_adjust_options_init(
    topkloss_logit_adjust_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_logit_adjust(const topkloss_logit_adjust_options *options,
                                                   const topkloss_batch *batch, void *adjusted,
                                                   int64_t adjusted_row_stride);

typedef int32_t topkloss_average;

enum {

  TOPKLOSS_MICRO = 0,

  TOPKLOSS_MACRO = 1
};

typedef struct topkloss_topk_accuracy_options {

  size_t struct_size;

  int64_t k;

  int64_t ignore_index;

  topkloss_average average;

  int32_t reserved;
} topkloss_topk_accuracy_options;

TOPKLOSS_API topkloss_status topkloss_topk_accuracy_options_init(
    topkloss_topk_accuracy_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_topk_accuracy(const topkloss_topk_accuracy_options *options,
                                                    const topkloss_batch *batch, double *accuracy);

typedef struct topkloss_average_k_accuracy_options {

  size_t struct_size;

  double k;

  int64_t ignore_index;

  topkloss_average average;

  int32_t reserved;
} topkloss_average_k_accuracy_options;

TOPKLOSS_API topkloss_status topkloss_average_k_accuracy_options_init(
    topkloss_average_k_accuracy_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_average_k_accuracy(
    const topkloss_average_k_accuracy_options *options, const topkloss_batch *batch, double *accuracy);

typedef struct topkloss_shot_accuracy_options {

  size_t struct_size;

  int64_t classes;

  const double *class_counts;

  int64_t k;

  int64_t ignore_index;

  topkloss_average average;

  int32_t reserved;

  double many;

  double few;
} topkloss_shot_accuracy_options;

TOPKLOSS_API topkloss_status topkloss_shot_accuracy_options_init(
    topkloss_shot_accuracy_options *options, size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_shot_accuracy(const topkloss_shot_accuracy_options *options,
                                                    const topkloss_batch *batch, double *accuracies);

TOPKLOSS_API topkloss_status topkloss_tally_topk(const topkloss_topk_accuracy_options *options,
                                                 const topkloss_batch *batch, double *hits, double *weights);

TOPKLOSS_API topkloss_status topkloss_tally_sets(const topkloss_threshold *threshold, int64_t ignore_index,
                                                 const topkloss_batch *batch, double *hits, double *sizes,
                                                 double *weights);

TOPKLOSS_API topkloss_status topkloss_tally_average(topkloss_average average, int64_t classes,
                                                    const double *sums, const double *weights, double *mean);

TOPKLOSS_API topkloss_status topkloss_tally_shots(const topkloss_shot_accuracy_options *options,
                                                  const double *sums, const double *weights, double *means);

TOPKLOSS_API topkloss_status topkloss_tally_shortfall(double coverage, int64_t classes, const double *hits,
                                                      const double *weights, double *shortfall);

TOPKLOSS_API topkloss_status topkloss_inverse_frequency(int64_t classes, const double *class_counts,
                                                        double *weights);

TOPKLOSS_API topkloss_status topkloss_effective_number(int64_t classes, const double *class_counts,
                                                       double beta, double *weights);

typedef int32_t topkloss_class_weighting;

enum {

  TOPKLOSS_INVERSE_FREQUENCY = 0,

  TOPKLOSS_EFFECTIVE_NUMBER = 1
};

typedef struct topkloss_class_weights_options {

  size_t struct_size;

  int64_t classes;

  const double *class_counts;

  double count_smoothing;

  topkloss_class_weighting weighting;

  int32_t reserved;

  double beta;
} topkloss_class_weights_options;

TOPKLOSS_API topkloss_status topkloss_class_weights_options_init(topkloss_class_weights_options *options,
                                                                 size_t struct_size);

TOPKLOSS_API topkloss_status topkloss_class_weights(const topkloss_class_weights_options *options,
                                                    double *weights);

#ifdef __cplusplus
}
#endif

#endif

/*
 * What a kernel on a device is told, one struct for all of them: filled in by the host, passed by value at launch.
 *
 * libtopkloss.so checks a call and describes the loss (TopkDeviceCall, with the vectors indexed by class in its own memory);
 * libtopkloss_cuda.so puts device memory in their place and launches; the kernels of Sources/GPU read.
 */
#ifndef CDEVICE_H
#define CDEVICE_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/* The family of a loss's row kernel. */
enum {
  TOPK_DEVICE_SOFTMAX_MARGIN = 0,
  TOPK_DEVICE_OUTLYING_MSE = 1,
  TOPK_DEVICE_SINGLE_POSITIVE = 2,
  TOPK_DEVICE_NOISED_TOPK = 3, /* the hinge too: epsilon 0, one sample */
  TOPK_DEVICE_SMOOTH_TOPK_SVM = 4,
  TOPK_DEVICE_TOPK_CROSS_ENTROPY = 5,
  TOPK_DEVICE_TWO_HEADS = 6,
  TOPK_DEVICE_FAMILIES = 7
};

/* Of topkloss_dtype, what kernels read. */
enum { TOPK_DEVICE_FLOAT32 = 0, TOPK_DEVICE_FLOAT16 = 2, TOPK_DEVICE_BFLOAT16 = 3 };

/* Threads of a block at the most. */
#define TOPK_DEVICE_THREADS 1024
/* The largest K, or rank, of kernels that multiply polynomials; a call with a larger one is not theirs. */
#define TOPK_DEVICE_MOST_RANK 16
/* Bytes of shared memory that reductions over a block use; what a kernel keeps there begins behind. */
#define TOPK_DEVICE_REDUCTION_BYTES 256

/* A matrix of rows, each of elements one after another. */
typedef struct DeviceMatrix {
  void *_Nullable elements; /* NULL: there is none, or it is not wanted */
  int64_t stride;           /* elements from one row to the next */
} DeviceMatrix;

/* A vector indexed by class: on the host, in both arithmetic types; on the device, in the one that kernels read. */
typedef struct DeviceVector {
  const void *_Nullable numbers; /* NULL: there is none */
} DeviceVector;

/* The softmax-margin family: SoftmaxMarginFamily of CKernels.h, and what the seesaw loss makes offsets of. */
typedef struct DeviceSoftmaxMargin {
  DeviceVector class_scale; /* float32, as all but margin */
  DeviceVector offset;
  DeviceVector margin; /* float64 */
  DeviceVector smoothing;
  DeviceVector target_weight; /* soft labels only, as the next */
  DeviceVector target_margin;
  DeviceVector mitigation; /* seesaw only */
  double compensation;
  double largest_offset;
  double lambda;
  double scale;
  double focal_gamma;
  double smoothing_sum;
  double target_factor; /* 1 - eta: of a row with a label, what hard is besides the class weight */
} DeviceSoftmaxMargin;

/* The smoothed order statistic T, and the hinge around it: NoisedTopKRow of CKernels.h. */
typedef struct DeviceNoisedTopK {
  DeviceVector class_margin; /* float64, in place of margin */
  int64_t has_label;         /* 0: the row's value is T itself */
  int64_t rank;
  int64_t samples; /* 0: the expectation itself */
  const void *_Nullable noise; /* float32; NULL: drawn from (seed, step, row) */
  int64_t noise_row_stride;
  int64_t noise_sample_stride;
  uint64_t seed;
  uint64_t step;
  int64_t first_row;
  double epsilon;
  double margin;
  double scale;
} DeviceNoisedTopK;

typedef struct DeviceSmoothTopKSVM {
  int64_t k;
  double tau;
  double alpha;
} DeviceSmoothTopKSVM;

typedef struct DeviceTopKCrossEntropy {
  int64_t k;
  DeviceVector weights; /* float64, k of them */
  double epsilon;
} DeviceTopKCrossEntropy;

/* l = share (BCE(z_y, 1) + negative_weight sum_{j != y} BCE(z_j, 0)), and for every row
 * strength ((mean_i sum_j sigmoid(z_ij) - expected) / C)^2. */
typedef struct DeviceSinglePositive {
  double share;
  double negative_weight;
  double expected;
  double strength; /* 0: without */
} DeviceSinglePositive;

/* The two-head average-K loss, SinglePositive's kernel on the second head with candidates. */
typedef struct DeviceTwoHeads {
  double k;
  double candidate_weight;
  double weight;          /* mu, over C where the reduction over classes is the mean */
  double threshold_decay;  /* with the threshold of the batch before, the outcome's; 0: it is not read */
  double threshold_before; /* not used */
} DeviceTwoHeads;

/* What is known of a batch once its labels and weights have been looked at, a part of the rows each. */
typedef struct DevicePartial {
  double total_weight;
  int64_t bad_label;    /* first row of it whose label is none; TOPK_DEVICE_NO_ROW if there is none */
  int64_t bad_weight;   /* first row with a sample weight that is not finite */
  int64_t bad_upstream; /* first row with an upstream value that is not finite */
} DevicePartial;

#define TOPK_DEVICE_NO_ROW INT64_MAX
/* How many there are, a lane of a warp each. */
#define TOPK_DEVICE_PARTIALS 32

/* What only the device can find out about a batch. */
enum {
  TOPK_DEVICE_NO_FAULT = 0,
  TOPK_DEVICE_BAD_LABEL = 1,
  TOPK_DEVICE_BAD_SAMPLE_WEIGHT = 2,
  TOPK_DEVICE_BAD_UPSTREAM = 3,
  TOPK_DEVICE_INFINITE_WEIGHTS = 4,
  TOPK_DEVICE_NOT_FINITE = 5
};

/* The result of a call, in device memory: topkloss_cuda_outcome of topkloss_cuda.h. */
typedef struct DeviceOutcome {
  double value;
  double total_weight;
  double threshold; /* of the two-head loss; read too */
  int64_t fault;
  int64_t row; /* where it is; -1: nowhere in particular */
  int64_t label; /* what was there */
} DeviceOutcome;

/* Of the kernels for what comes after training, topk_logit_adjust_* read logits and softmax_margin.offset and write gradient;
 * topk_topk_hits reads smooth_topk_svm.k, and leaves for topk_end which labels are among the K highest scores. */
typedef struct TopkDeviceCall {
  int64_t family;
  int64_t dtype; /* topkloss_dtype: TOPK_DEVICE_FLOAT32, FLOAT16 or BFLOAT16 */
  int64_t rows;
  int64_t classes;
  DeviceMatrix logits;
  DeviceMatrix gradient; /* may be the logits */
  DeviceMatrix second;   /* soft labels, or the multi-label head's logits */
  DeviceMatrix second_gradient;
  const void *_Nullable labels;
  int64_t labels_are_int32;
  int64_t ignored_label;
  const double *_Nullable sample_weight;
  const double *_Nullable upstream;
  int64_t upstream_is_per_row;
  int64_t is_mean;
  int64_t check_finite;
  DeviceVector class_weight; /* float64; enters the divisor of the mean */
  void *_Nullable row_values; /* of dtype */

  /* What libtopkloss_cuda.so puts in. */
  DeviceOutcome *_Nullable outcome;
  DevicePartial *_Nullable partials; /* TOPK_DEVICE_PARTIALS */
  double *_Nullable row_losses;      /* a number a row: v_i w_y l */
  void *_Nullable shared;            /* what a family's passes leave for one another; its layout is the family's */
  /* A block's own memory is scratch + blockIdx * scratch_stride bytes: for rows of 16-bit elements first two rows of float32,
   * row_bytes each, where they and those of the second matrix are widened; then what the family asks for. */
  void *_Nullable scratch;
  int64_t scratch_stride; /* a multiple of 256 */
  int64_t row_bytes;      /* of float32, a multiple of 256; 0 where no rows are widened */

  DeviceSoftmaxMargin softmax_margin;
  DeviceVector teacher; /* of MSE with outlying label, float64 */
  DeviceSinglePositive single_positive;
  DeviceNoisedTopK noised_topk;
  DeviceSmoothTopKSVM smooth_topk_svm;
  DeviceTopKCrossEntropy topk_cross_entropy;
  DeviceTwoHeads two_heads;
} TopkDeviceCall;

/* How a matrix of the caller's lies, in elements. Where it is not plain, rows are turned before kernels see them. */
typedef struct DeviceLayout {
  int64_t row_stride;
  int64_t class_stride;
  int64_t rows_per_group;
  int64_t group_stride;
  int64_t is_plain;
} DeviceLayout;

/* What topk_turn_2 and topk_turn_4 are told, by value: rows between a strided matrix and one whose elements lie one after
 * another, which kernels take. */
typedef struct DeviceTurn {
  const void *source;
  void *target;
  int64_t is_back; /* 0: the source is strided; 1: the target */
  int64_t rows;
  int64_t classes;
  DeviceLayout layout; /* at least one row a group */
} DeviceTurn;

/* Bytes of shared memory that they take: a tile of 32 rows and classes, each row followed by one element more. */
#define TOPK_DEVICE_TURN_BYTES 4224

/* What libtopkloss.so says of a call. Vectors are in its own memory, as long as the loss is. */
typedef struct TopkDeviceDescription {
  TopkDeviceCall call;
  DeviceLayout logits;
  DeviceLayout gradient;
  DeviceLayout second;
  DeviceLayout second_gradient;
} TopkDeviceDescription;

/* Where rows of 16-bit elements are widened, in front of a block's other scratch: see TopkDeviceCall. */
#define TOPK_DEVICE_WIDENED_ROWS 2

#pragma clang assume_nonnull end

#endif

// A batch, a shard of its classes, and where its answer goes.
#ifndef TOPKLOSS_BATCH_HPP
#define TOPKLOSS_BATCH_HPP

#include <cstdint>

#include "executor.hpp"
#include "views.hpp"

namespace topkloss {

/// A batch of B rows and C classes. Views: everything is read during the call only.
struct Batch {
  /// B x C scores.
  ConstMatrix logits;
  /// B labels in [0, C), or the loss's ignore_index. The noised top-K operator needs none, nor do soft labels.
  Labels labels;
  /// B finite weights that multiply each row's loss; empty: 1.
  Span<const double> sample_weight = {};
  /// Finite factor on the gradient from further up the chain rule: one number for the reductions mean and sum, B
  /// numbers for none; empty: 1.
  Span<const double> upstream = {};
  /// Noised top-K only: noise to use in place of the library's own.
  Noise noise = {};
  /// Noised top-K only: the library's own noise is a function of (seed, step, row). Advance it a call.
  std::uint64_t step = 0;
  /// Noised top-K only: number of the batch's first row.
  std::int64_t first_row = 0;
  /// The host's threads; null: the library's choice.
  const Executor *executor = nullptr;
  /// Two-head average-K only: B x C logits of the multi-label head.
  ConstMatrix multi_label_logits = {};
  /// Softmax margins (but for focal and seesaw) only: B x C soft labels in place of labels, 0 or more and of any sum.
  ConstMatrix soft_labels = {};
};

/// What is wanted besides the value, in buffers of the caller's of the logits' element type.
struct Output {
  /// B x C gradient with respect to the logits; may be the logits themselves. Default: not wanted.
  Matrix gradient = {};
  /// B row losses. Default: not wanted.
  Values row_values = {};
  /// Two-head average-K only: B x C gradient with respect to multi_label_logits. Default: not wanted.
  Matrix multi_label_gradient = {};
  /// Two-head average-K with a threshold_decay only: the threshold that the batch before had, 0 for none.
  double threshold = 0.0;
};

/// What a loss came to.
struct Evaluation {
  /// The reduced value.
  double value = 0.0;
  /// The sum of the weights of the rows that count, so that split batches can be put together.
  double total_weight = 0.0;
  /// Two-head average-K only: the threshold on probabilities, for the next batch's Output.
  double threshold = 0.0;
};

/// Which of all classes a batch has the logits of: those of as many as its logits have, from one on. topkloss.h has more
/// under "Classes over ranks". Its labels are of all classes.
struct Shard {
  /// C.
  std::int64_t all_classes = 0;
  /// For noised top-K a multiple of 32.
  std::int64_t first_class = 0;
  /// How many there are; for shard_complete alone.
  std::int64_t shards = 1;
  /// Which of them this is, from 0; for shard_complete alone.
  std::int64_t index = 0;
};

}  // namespace topkloss

#endif  // TOPKLOSS_BATCH_HPP

// A loss, which turns a batch into its answer.
#ifndef TOPKLOSS_LOSS_HPP
#define TOPKLOSS_LOSS_HPP

#include <cstdint>
#include <utility>

#include "batch.hpp"
#include "enumerators.hpp"
#include "executor.hpp"
#include "views.hpp"

namespace topkloss {

namespace detail {

inline void check_like(const char *name, const ConstMatrix &matrix, const ConstMatrix &logits) {
  if (matrix.data() == nullptr) {
    if (matrix.rows() == 0 && matrix.classes() == 0) return;
    if (matrix.rows() != 0 && matrix.classes() != 0)
      throw Error(TOPKLOSS_ERROR_NULL_POINTER, std::string(name) + " is null, but " + std::to_string(matrix.rows()) +
                                                   " x " + std::to_string(matrix.classes()));
  }
  if (matrix.rows() != logits.rows() || matrix.classes() != logits.classes())
    throw Error(TOPKLOSS_ERROR_SIZE, std::string(name) + " is " + std::to_string(matrix.rows()) + " x " +
                                         std::to_string(matrix.classes()) + ", logits " +
                                         std::to_string(logits.rows()) + " x " + std::to_string(logits.classes()));
  if (matrix.strides().rows_per_group != logits.strides().rows_per_group)
    throw Error(TOPKLOSS_ERROR_SIZE, std::string(name) + " has " + std::to_string(matrix.strides().rows_per_group) +
                                         " rows in a group, logits " +
                                         std::to_string(logits.strides().rows_per_group));
  if (matrix.element() != logits.element())
    throw Error(TOPKLOSS_ERROR_ENUMERATOR, std::string(name) + " has another element type than logits");
}

/// The pointer of a view with one entry a row, or of none.
template <class View>
auto data_of_rows(const char *name, const View &view, std::int64_t rows) {
  if (view.size() != 0) check_size(name, static_cast<std::int64_t>(view.size()), "rows", rows);
  return data_or_null(name, view);
}

/// The part of a batch that metrics and post-hoc functions look at.
inline topkloss_batch scores(const ConstMatrix &logits, const Labels &labels = {}) {
  topkloss_batch c = initialized(topkloss_batch_init);
  c.rows = logits.rows();
  c.classes = logits.classes();
  c.dtype = static_cast<topkloss_dtype>(logits.element());
  c.label_type = labels.type();
  c.logits = logits.data();
  c.logits_row_stride = logits.strides().row;
  c.logits_class_stride = logits.strides().classes;
  c.rows_per_group = logits.strides().rows_per_group;
  c.logits_group_stride = logits.strides().group;
  c.labels = data_of_rows("labels", labels, logits.rows());
  return c;
}

}  // namespace detail

/// A loss, ready to be evaluated: owner of a handle, of which it is the only one. The losses derive from it, and any of
/// them can be moved into a Loss.
class Loss {
 public:
  /// Empty.
  Loss() noexcept = default;

  /// Takes over a handle of the C interface. What it wants as upstream is not known: one number or one a row is trusted.
  explicit Loss(topkloss_loss *handle) noexcept : handle_(handle) {}

  Loss(Loss &&other) noexcept : upstream_(other.upstream_), handle_(other.release()) {}

  Loss &operator=(Loss &&other) noexcept {
    if (this != &other) {
      topkloss_loss_destroy(handle_);
      upstream_ = other.upstream_;
      handle_ = other.release();
    }
    return *this;
  }

  Loss(const Loss &) = delete;
  Loss &operator=(const Loss &) = delete;

  ~Loss() { topkloss_loss_destroy(handle_); }

  /// Whether it has a handle.
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// The handle, for the C interface; null if empty. Stays this object's.
  const topkloss_loss *get() const noexcept { return handle_; }

  /// Gives the handle away, to be freed with topkloss_loss_destroy, and is empty.
  topkloss_loss *release() noexcept { return std::exchange(handle_, nullptr); }

  /// The reduced value, and what else output wants. Allocates nothing.
  Evaluation evaluate(const Batch &batch, const Output &output = {}) const {
    return evaluated(batch, output, [this](const topkloss_batch *c, topkloss_result *result) {
      return topkloss_evaluate(handle_, c, result);
    });
  }

  /// How many bytes a row's state has, with shards of the classes.
  std::int64_t shard_bytes() const {
    std::int64_t bytes = 0;
    detail::check(topkloss_shard_bytes(handle_, &bytes));
    return bytes;
  }

  /// Writes what a shard knows of the batch's rows: B states of shard_bytes() bytes.
  void shard_partial(const Batch &batch, const Shard &shard, Span<unsigned char> states) const {
    check_views(batch, {});
    check_states(states.size(), batch, 1);
    const detail::ExecutorCall executor(batch.executor);
    const topkloss_batch c = c_batch(batch, executor);
    const topkloss_shard part = c_shard(shard, nullptr);
    executor.check(topkloss_shard_partial(handle_, &c, &part, states.data()));
  }

  /// The loss of whole rows from the states of all shards, those of shard 0 first; what else output wants is of this one.
  Evaluation shard_complete(const Batch &batch, const Shard &shard, Span<const unsigned char> states,
                            const Output &output = {}) const {
    check_states(states.size(), batch, shard.shards);
    const topkloss_shard part = c_shard(shard, states.data());
    return evaluated(batch, output, [this, &part](const topkloss_batch *c, topkloss_result *result) {
      return topkloss_shard_complete(handle_, c, &part, result);
    });
  }

  /// The reduced value alone.
  double value(const ConstMatrix &logits, const Labels &labels) const {
    Batch batch;
    batch.logits = logits;
    batch.labels = labels;
    return evaluate(batch).value;
  }

  /// The reduced value, and its gradient in a buffer of the caller's, which may be the logits.
  double value_and_gradient(const ConstMatrix &logits, const Labels &labels, const Matrix &gradient) const {
    Batch batch;
    batch.logits = logits;
    batch.labels = labels;
    Output output;
    output.gradient = gradient;
    return evaluate(batch, output).value;
  }

 protected:
  /// How many numbers the handle reads as upstream.
  enum class Upstream : unsigned char { unknown, one, each_row };

  /// Creates a handle from options of the C interface.
  template <class Options>
  Loss(topkloss_status (*create)(const Options *, topkloss_loss **), const Options &options, Upstream upstream)
      : upstream_(upstream) {
    detail::check(create(&options, &handle_));
  }

  /// The same, for options with a reduction.
  template <class Options>
  Loss(topkloss_status (*create)(const Options *, topkloss_loss **), const Options &options)
      : Loss(create, options, options.reduction == TOPKLOSS_NONE ? Upstream::each_row : Upstream::one) {}

 private:
  static topkloss_batch c_batch(const Batch &batch, const detail::ExecutorCall &executor) {
    topkloss_batch c = detail::scores(batch.logits, batch.labels);
    c.sample_weight = detail::data_of_rows("sample_weight", batch.sample_weight, batch.logits.rows());
    c.upstream = detail::data_or_null("upstream", batch.upstream);
    c.noise = batch.noise.data();
    c.noise_row_stride = batch.noise.row_stride();
    c.noise_sample_stride = batch.noise.sample_stride();
    c.step = batch.step;
    c.first_row = batch.first_row;
    c.executor = executor.c();
    c.multi_label_logits = batch.multi_label_logits.data();
    c.multi_label_row_stride = batch.multi_label_logits.strides().row;
    c.multi_label_class_stride = batch.multi_label_logits.strides().classes;
    c.multi_label_group_stride = batch.multi_label_logits.strides().group;
    c.soft_labels = batch.soft_labels.data();
    c.soft_labels_row_stride = batch.soft_labels.strides().row;
    c.soft_labels_class_stride = batch.soft_labels.strides().classes;
    c.soft_labels_group_stride = batch.soft_labels.strides().group;
    return c;
  }

  static topkloss_result c_result(const Batch &batch, const Output &output) {
    topkloss_result result = detail::initialized(topkloss_result_init);
    result.row_values = detail::data_of_rows("row_values", output.row_values, batch.logits.rows());
    result.gradient = output.gradient.data();
    result.gradient_row_stride = output.gradient.strides().row;
    result.gradient_class_stride = output.gradient.strides().classes;
    result.gradient_group_stride = output.gradient.strides().group;
    result.multi_label_gradient = output.multi_label_gradient.data();
    result.multi_label_gradient_row_stride = output.multi_label_gradient.strides().row;
    result.multi_label_gradient_class_stride = output.multi_label_gradient.strides().classes;
    result.multi_label_gradient_group_stride = output.multi_label_gradient.strides().group;
    result.threshold = output.threshold;
    return result;
  }

  static topkloss_shard c_shard(const Shard &shard, const unsigned char *states) {
    topkloss_shard part = detail::initialized(topkloss_shard_init);
    part.all_classes = shard.all_classes;
    part.first_class = shard.first_class;
    part.shards = shard.shards;
    part.index = shard.index;
    part.states = states;
    return part;
  }

  /// Checks a call, and has a function of the C interface do it.
  template <class Function>
  Evaluation evaluated(const Batch &batch, const Output &output, const Function &function) const {
    check_views(batch, output);
    const detail::ExecutorCall executor(batch.executor);
    const topkloss_batch c = c_batch(batch, executor);
    topkloss_result result = c_result(batch, output);
    executor.check(function(&c, &result));
    return {result.value, result.total_weight, result.threshold};
  }

  void check_states(std::size_t size, const Batch &batch, std::int64_t shards) const {
    const std::int64_t rows = batch.logits.rows(), bytes = shard_bytes();
    if (rows >= 0 && shards >= 0)
      detail::check_size("states", static_cast<std::int64_t>(size), "bytes of all rows",
                         detail::saturating_product(detail::saturating_product(rows, shards), bytes));
  }

  void check_views(const Batch &batch, const Output &output) const {
    const ConstMatrix &logits = batch.logits;
    if (upstream_ == Upstream::one) {
      if (batch.upstream.size() > 1)
        throw Error(TOPKLOSS_ERROR_SIZE, "upstream has " + std::to_string(batch.upstream.size()) +
                                             " entries; the reductions mean and sum take one");
    } else if (upstream_ == Upstream::each_row || batch.upstream.size() != 1) {
      detail::data_of_rows("upstream", batch.upstream, logits.rows());
    }
    if (output.row_values.size() != 0 && output.row_values.element() != logits.element())
      throw Error(TOPKLOSS_ERROR_ENUMERATOR, "row_values has another element type than logits");
    if (batch.noise.data() != nullptr &&
        (batch.noise.element() == Element::float64) != (logits.element() == Element::float64))
      throw Error(TOPKLOSS_ERROR_ENUMERATOR, "noise is double for double logits and float for all others");
    detail::check_like("multi_label_logits", batch.multi_label_logits, logits);
    detail::check_like("soft_labels", batch.soft_labels, logits);
    detail::check_like("gradient", output.gradient, logits);
    detail::check_like("multi_label_gradient", output.multi_label_gradient, logits);
  }

  Upstream upstream_ = Upstream::unknown;
  topkloss_loss *handle_ = nullptr;
};

}  // namespace topkloss

#endif  // TOPKLOSS_LOSS_HPP

// Mean squared error with outlying label. topkloss.h has the formula, ranges and the paper.
#ifndef TOPKLOSS_OUTLYING_MSE_HPP
#define TOPKLOSS_OUTLYING_MSE_HPP

#include <cstdint>
#include <vector>

#include "losses.hpp"

namespace topkloss {

/// Mean squared error with outlying label.
class OutlyingMSELoss : public Loss {
 public:
  explicit OutlyingMSELoss(const OutlyingMSEOptions &options)
      : Loss(topkloss_outlying_mse_create, detail::c(options)),
        classes_(options.teacher.empty() ? options.class_counts.size() : options.teacher.size()) {}

  /// C.
  std::int64_t classes() const noexcept { return static_cast<std::int64_t>(classes_); }

  /// Writes t, C numbers.
  void teacher(Span<double> teacher) const {
    detail::check_size("teacher", static_cast<std::int64_t>(teacher.size()), "classes", classes());
    detail::check(topkloss_outlying_mse_teacher(get(), classes(), teacher.data()));
  }

  /// t.
  std::vector<double> teacher() const {
    std::vector<double> found(classes_);
    teacher(found);
    return found;
  }

  /// Writes a class for every row of scores.
  void predict(const ConstMatrix &scores, PredictionRule rule, Span<std::int64_t> predictions,
               const Executor *executor = nullptr) const {
    const detail::ExecutorCall call(executor);
    topkloss_batch batch = detail::scores(scores);
    batch.executor = call.c();
    detail::check_size("predictions", static_cast<std::int64_t>(predictions.size()), "rows", scores.rows());
    call.check(topkloss_outlying_mse_predict(get(), &batch, static_cast<topkloss_prediction_rule>(rule),
                                             predictions.data()));
  }

 private:
  std::size_t classes_;
};

}  // namespace topkloss

#endif  // TOPKLOSS_OUTLYING_MSE_HPP

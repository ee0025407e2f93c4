// Mean squared error with outlying label. topkloss.h has the formula, ranges and the paper.
#ifndef TOPKLOSS_OUTLYING_MSE_HPP
#define TOPKLOSS_OUTLYING_MSE_HPP

#include <cstdint>
#include <vector>

#include "options.hpp"

namespace topkloss {

/// How a trained model's scores become a class.
enum class PredictionRule : topkloss_prediction_rule {
  argmax = TOPKLOSS_ARGMAX,
  /// The class whose teacher vector is nearest to the row.
  nearest_teacher = TOPKLOSS_NEAREST_TEACHER
};

struct OutlyingMSEOptions {
  Reduction reduction = Reduction::mean;
  /// Whether a NaN or +inf in any row is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class. Not looked at, and may be empty, with a teacher.
  Span<const double> class_counts = {};
  /// Added to every count.
  double count_smoothing = 0.0;
  double alpha = 1.0;
  /// t of each class; empty: alpha times the rank by decreasing count.
  Span<const double> teacher = {};
};

/// Mean squared error with outlying label.
class OutlyingMSELoss : public Loss {
 public:
  explicit OutlyingMSELoss(const OutlyingMSEOptions &options)
      : Loss(topkloss_outlying_mse_create, c(options)),
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

  /// Writes a class for every row of scores, on the calling thread.
  void predict(const ConstMatrix &scores, PredictionRule rule, Span<std::int64_t> predictions) const {
    const topkloss_batch batch = detail::scores(scores);
    detail::check_size("predictions", static_cast<std::int64_t>(predictions.size()), "rows", scores.rows());
    detail::check(topkloss_outlying_mse_predict(get(), &batch, static_cast<topkloss_prediction_rule>(rule),
                                                predictions.data()));
  }

 private:
  static topkloss_outlying_mse_options c(const OutlyingMSEOptions &options) {
    auto c = detail::initialized(topkloss_outlying_mse_options_init);
    detail::set_common(c, options);
    c.classes = detail::classes_of({{"class_counts", options.class_counts}, {"teacher", options.teacher}});
    c.class_counts = detail::data_or_null("class_counts", options.class_counts);
    c.count_smoothing = options.count_smoothing;
    c.alpha = options.alpha;
    c.teacher = detail::data_or_null("teacher", options.teacher);
    return c;
  }

  std::size_t classes_;
};

}  // namespace topkloss

#endif  // TOPKLOSS_OUTLYING_MSE_HPP

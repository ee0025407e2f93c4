// The softmax-margin family and focal loss: cross-entropy on a transformed row. topkloss.h has the formulas, ranges and
// papers.
//
// Options are plain structs with the library's defaults. A vector indexed by class is a view; an empty one is none.
#ifndef TOPKLOSS_SOFTMAX_LOSSES_HPP
#define TOPKLOSS_SOFTMAX_LOSSES_HPP

#include <cstdint>

#include "options.hpp"

namespace topkloss {

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  /// Whether a NaN or +inf in any row is an error that names the first.
  bool check_finite = false;
  /// Label of rows to leave out.
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// w of each class; empty: 1.
  Span<const double> class_weight = {};
  /// eta.
  double label_smoothing = 0.0;
};

/// Cross-entropy.
class CrossEntropyLoss : public Loss {
 public:
  explicit CrossEntropyLoss(const CrossEntropyOptions &options = {}) : Loss(topkloss_cross_entropy_create, c(options)) {}

 private:
  static topkloss_cross_entropy_options c(const CrossEntropyOptions &options) {
    auto c = detail::initialized(topkloss_cross_entropy_options_init);
    detail::set_common(c, options);
    c.classes = detail::classes_of({{"class_weight", options.class_weight}});
    c.class_weight = detail::data_or_null("class_weight", options.class_weight);
    c.label_smoothing = options.label_smoothing;
    return c;
  }
};

struct LogitAdjustedOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class. No default.
  Span<const double> class_counts = {};
  /// Added to every count.
  double count_smoothing = 0.0;
  Span<const double> class_weight = {};
  double label_smoothing = 0.0;
  double tau = 1.0;
};

/// Logit-adjusted cross-entropy; balanced softmax with tau 1.
class LogitAdjustedLoss : public Loss {
 public:
  explicit LogitAdjustedLoss(const LogitAdjustedOptions &options) : Loss(topkloss_logit_adjusted_create, c(options)) {}

 private:
  static topkloss_logit_adjusted_options c(const LogitAdjustedOptions &options) {
    auto c = detail::initialized(topkloss_logit_adjusted_options_init);
    detail::set_counts(c, options);
    c.tau = options.tau;
    return c;
  }
};

struct LDAMOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class. No default.
  Span<const double> class_counts = {};
  double count_smoothing = 0.0;
  Span<const double> class_weight = {};
  double label_smoothing = 0.0;
  /// Margin of the rarest class, in units of a logit.
  double max_margin = 0.5;
  /// s.
  double scale = 30.0;
};

/// The label-distribution-aware margin loss, for a normalised last layer.
class LDAMLoss : public Loss {
 public:
  explicit LDAMLoss(const LDAMOptions &options) : Loss(topkloss_ldam_create, c(options)) {}

 private:
  static topkloss_ldam_options c(const LDAMOptions &options) {
    auto c = detail::initialized(topkloss_ldam_options_init);
    detail::set_counts(c, options);
    c.max_margin = options.max_margin;
    c.scale = options.scale;
    return c;
  }
};

struct ELMOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class. No default.
  Span<const double> class_counts = {};
  double count_smoothing = 0.0;
  Span<const double> class_weight = {};
  double label_smoothing = 0.0;
  /// Margin of the rarest class, in units of a logit.
  double max_margin = 0.5;
  /// s.
  double scale = 30.0;
  /// How much of the strongest rival's margin is taken in.
  double lam = 1.0;
};

/// The enlarged-margin loss: LDAM with the strongest rival's margin.
class ELMLoss : public Loss {
 public:
  explicit ELMLoss(const ELMOptions &options) : Loss(topkloss_elm_create, c(options)) {}

 private:
  static topkloss_elm_options c(const ELMOptions &options) {
    auto c = detail::initialized(topkloss_elm_options_init);
    detail::set_counts(c, options);
    c.max_margin = options.max_margin;
    c.scale = options.scale;
    c.lam = options.lam;
    return c;
  }
};

struct VectorScalingOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  /// Training examples of each class. No default.
  Span<const double> class_counts = {};
  double count_smoothing = 0.0;
  Span<const double> class_weight = {};
  double label_smoothing = 0.0;
  double gamma = 0.3;
  double tau = 1.0;
};

/// Vector scaling: the additive adjustment of the logits and a multiplicative one.
class VectorScalingLoss : public Loss {
 public:
  explicit VectorScalingLoss(const VectorScalingOptions &options) : Loss(topkloss_vector_scaling_create, c(options)) {}

 private:
  static topkloss_vector_scaling_options c(const VectorScalingOptions &options) {
    auto c = detail::initialized(topkloss_vector_scaling_options_init);
    detail::set_counts(c, options);
    c.gamma = options.gamma;
    c.tau = options.tau;
    return c;
  }
};

struct MarginSoftmaxOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  Span<const double> class_weight = {};
  double label_smoothing = 0.0;
  /// a of each class; empty: 0.
  Span<const double> offset = {};
  /// b of each class; empty: 0.
  Span<const double> margin = {};
  /// d of each class; empty: 1.
  Span<const double> class_scale = {};
  /// s.
  double scale = 1.0;
  /// How much of the strongest rival's margin is taken in.
  double lam = 0.0;
};

/// The softmax-margin family itself, with every vector the caller's.
class MarginSoftmaxLoss : public Loss {
 public:
  explicit MarginSoftmaxLoss(const MarginSoftmaxOptions &options = {})
      : Loss(topkloss_margin_softmax_create, c(options)) {}

 private:
  static topkloss_margin_softmax_options c(const MarginSoftmaxOptions &options) {
    auto c = detail::initialized(topkloss_margin_softmax_options_init);
    detail::set_common(c, options);
    c.classes = detail::classes_of({{"class_weight", options.class_weight},
                                    {"offset", options.offset},
                                    {"margin", options.margin},
                                    {"class_scale", options.class_scale}});
    c.class_weight = detail::data_or_null("class_weight", options.class_weight);
    c.label_smoothing = options.label_smoothing;
    c.offset = detail::data_or_null("offset", options.offset);
    c.margin = detail::data_or_null("margin", options.margin);
    c.class_scale = detail::data_or_null("class_scale", options.class_scale);
    c.scale = options.scale;
    c.lam = options.lam;
    return c;
  }
};

struct FocalOptions {
  Reduction reduction = Reduction::mean;
  bool check_finite = false;
  std::int64_t ignore_index = TOPKLOSS_IGNORE_INDEX;
  Span<const double> class_weight = {};
  double gamma = 2.0;
};

/// Focal loss.
class FocalLoss : public Loss {
 public:
  explicit FocalLoss(const FocalOptions &options = {}) : Loss(topkloss_focal_create, c(options)) {}

 private:
  static topkloss_focal_options c(const FocalOptions &options) {
    auto c = detail::initialized(topkloss_focal_options_init);
    detail::set_common(c, options);
    c.classes = detail::classes_of({{"class_weight", options.class_weight}});
    c.class_weight = detail::data_or_null("class_weight", options.class_weight);
    c.gamma = options.gamma;
    return c;
  }
};

}  // namespace topkloss

#endif  // TOPKLOSS_SOFTMAX_LOSSES_HPP

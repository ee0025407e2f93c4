// One of every loss, for programs that care about what all of them do rather than about one.
#ifndef EVERY_LOSS_HPP
#define EVERY_LOSS_HPP

#include <utility>
#include <vector>

#include "check.hpp"

struct NamedLoss {
  std::string name;
  topkloss::Loss loss;
};

template <class Loss, class Options, class Set>
void add(std::vector<NamedLoss> &losses, const char *name, Options options, Set set) {
  set(options);
  losses.push_back({name, Loss(options)});
}

// counts: one entry a class, of three at least.
inline std::vector<NamedLoss> every_loss(const std::vector<double> &counts) {
  using namespace topkloss;
  std::vector<NamedLoss> losses;
  const auto counted = [&counts](auto &options) { options.class_counts = counts; };
  const auto top = [](auto &options) { options.k = 2; };
  add<CrossEntropyLoss>(losses, "cross-entropy", CrossEntropyOptions(), [&](auto &o) { o.class_weight = counts; });
  add<LogitAdjustedLoss>(losses, "logit-adjusted", LogitAdjustedOptions(), counted);
  add<LDAMLoss>(losses, "LDAM", LDAMOptions(), counted);
  add<ELMLoss>(losses, "ELM", ELMOptions(), counted);
  add<VectorScalingLoss>(losses, "vector scaling", VectorScalingOptions(), counted);
  add<MarginSoftmaxLoss>(losses, "margin softmax", MarginSoftmaxOptions(), [&](auto &o) { o.offset = counts; });
  add<FocalLoss>(losses, "focal", FocalOptions(), [](auto &) {});
  add<NoisedTopKLoss>(losses, "noised top-K", NoisedTopKOptions(), top);
  add<NoisedTopKLoss>(losses, "noised top-K, exact", NoisedTopKOptions(), [&](auto &o) {
    top(o);
    counted(o);
    o.estimator = Estimator::exact;
  });
  add<NoisedTopKOperator>(losses, "noised top-K operator", NoisedTopKOperatorOptions(), top);
  add<TopKHingeLoss>(losses, "top-K hinge", TopKHingeOptions(), top);
  add<SmoothTopKSVMLoss>(losses, "smooth top-K SVM", SmoothTopKSVMOptions(), top);
  add<OutlyingMSELoss>(losses, "outlying MSE", OutlyingMSEOptions(), counted);
  add<TwoHeadAverageKLoss>(losses, "two heads", TwoHeadAverageKOptions(), [](auto &o) { o.k = 2.5; });
  add<SinglePositiveLoss>(losses, "assume negative", SinglePositiveOptions(), [](auto &) {});
  add<SinglePositiveLoss>(losses, "expected positive", SinglePositiveOptions(), [](auto &o) {
    o.method = SinglePositiveMethod::expected_positive;
    o.expected_positives = 2.0;
  });
  return losses;
}

// A batch with everything that any loss needs.
struct Workload {
  Workload(std::int64_t rows, std::int64_t classes)
      : counts(static_cast<std::size_t>(classes)),
        logits(static_cast<std::size_t>(rows * classes)),
        multi_label_logits(logits.size()),
        labels(static_cast<std::size_t>(rows)),
        gradient(logits.size()),
        multi_label_gradient(logits.size()),
        row_values(labels.size()) {
    std::uint32_t state = 1;
    const auto next = [&state] { return (state = state * 1664525U + 1013904223U) >> 8; };
    for (double &count : counts) count = 1.0 + next() % 500;
    for (float &logit : logits) logit = static_cast<float>(next()) / 4194304.0F - 2.0F;
    for (float &logit : multi_label_logits) logit = static_cast<float>(next()) / 4194304.0F - 2.0F;
    for (std::int64_t &label : labels) label = next() % classes;
    batch.logits = topkloss::ConstMatrix(logits.data(), rows, classes);
    batch.labels = labels;
    batch.multi_label_logits = topkloss::ConstMatrix(multi_label_logits.data(), rows, classes);
    output.gradient = topkloss::Matrix(gradient.data(), rows, classes);
    output.multi_label_gradient = topkloss::Matrix(multi_label_gradient.data(), rows, classes);
    output.row_values = row_values;
  }

  Workload(const Workload &) = delete;
  Workload &operator=(const Workload &) = delete;

  std::vector<double> counts;
  std::vector<float> logits;
  std::vector<float> multi_label_logits;
  std::vector<std::int64_t> labels;
  std::vector<float> gradient;
  std::vector<float> multi_label_gradient;
  std::vector<float> row_values;
  topkloss::Batch batch;
  topkloss::Output output;
};

#endif  // EVERY_LOSS_HPP

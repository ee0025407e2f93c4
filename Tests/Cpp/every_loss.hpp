// One of every loss in each of its modes, for programs that care about what all of them do rather than about one.
#ifndef EVERY_LOSS_HPP
#define EVERY_LOSS_HPP

#include "options.hpp"

struct NamedLoss {
  std::string name;
  topkloss::Loss loss;
};

template <class Named>
void add(std::vector<NamedLoss> &losses, const std::vector<double> &counts) {
  for (std::int32_t mode = 0; mode == 0 || mode < Named::modes(); ++mode) {
    Choice choice{counts};
    choice.mode = mode;
    losses.push_back({Named::name + (" " + std::to_string(mode)), typename Named::Loss(Named::cpp_options(choice))});
  }
}

// counts: one entry a class, of three at least.
inline std::vector<NamedLoss> every_loss(const std::vector<double> &counts) {
  std::vector<NamedLoss> losses;
#define ADD_LOSS(loss, Class, Options) add<Named_##loss>(losses, counts);
  TOPKLOSS_LOSSES(ADD_LOSS)
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

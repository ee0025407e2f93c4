#include "losses.hpp"

#include <stdexcept>

namespace {

topkloss::Loss make_noised(topkloss::Estimator estimator) {
  topkloss::NoisedTopKOptions options;
  options.k = 5;
  options.epsilon = 0.3;
  options.estimator = estimator;
  return topkloss::NoisedTopKLoss(options);
}

}  // namespace

topkloss::Loss make_loss(const std::string &name, const std::vector<double> &counts) {
  if (name == "cross-entropy") return topkloss::CrossEntropyLoss();
  if (name == "noised-top5") return make_noised(topkloss::Estimator::monte_carlo);
  if (name == "noised-top5-exact") return make_noised(topkloss::Estimator::exact);
  if (name == "logit-adjusted") {
    topkloss::LogitAdjustedOptions options;
    options.class_counts = counts;
    options.tau = 0.5;
    return topkloss::LogitAdjustedLoss(options);
  }
  throw std::runtime_error("no loss is called " + name + ": " + loss_names);
}

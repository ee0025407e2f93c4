// A program out of the tree, in C++: of equal scores, the logit-adjusted loss is the logarithm of a class's share.
#include <cmath>
#include <cstdio>
#include <topkloss.hpp>
#include <vector>

int main() try {
  const std::vector<double> logits(3, 0.25);
  const std::vector<std::int64_t> labels = {2};
  const std::vector<double> counts = {70, 20, 10};
  topkloss::LogitAdjustedOptions options;
  options.class_counts = counts;
  const topkloss::LogitAdjustedLoss loss(options);
  const double value = loss.value(topkloss::ConstMatrix(logits.data(), 1, 3), labels);
  std::printf("%.6f\n", value);
  return std::abs(value + std::log(0.1)) < 1e-12 ? 0 : 1;
} catch (const topkloss::Error &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

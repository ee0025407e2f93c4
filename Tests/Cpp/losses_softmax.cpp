// The softmax-margin family and focal loss, with no option at its default, against the formulas of the header.
#include <algorithm>

#include "compare.hpp"

namespace {

using topkloss::Reduction;

// u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_{j*})).
struct Family {
  double s = 1.0;
  Row d = {1, 1, 1, 1, 1};
  Row a = {};
  Row b = {};
  double lam = 0.0;
  double eta = 0.0;
  Row w = {1, 1, 1, 1, 1};
};

Row row_of(const std::vector<double> &numbers) {
  Row row = {};
  std::copy(numbers.begin(), numbers.end(), row.begin());
  return row;
}

double log_sum_exp(const Row &u) {
  double sum = 0.0;
  for (const double entry : u) sum += std::exp(entry);
  return std::log(sum);
}

RowLosses losses_of(const Family &member, const Scores &scores) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    if (row == ignored_row) continue;
    const Row &z = scores[static_cast<std::size_t>(row)];
    const std::size_t y = label_of(row);
    std::size_t rival = y == 0 ? 1 : 0;
    for (std::size_t j = 0; j < classes; ++j)
      if (j != y && z[j] > z[rival]) rival = j;
    Row u = {};
    for (std::size_t j = 0; j < classes; ++j)
      u[j] = member.s * (member.d[j] * z[j] + member.a[j] - (j == y ? member.b[y] - member.lam * member.b[rival] : 0.0));
    const double all = log_sum_exp(u);
    double smooth = 0.0;
    for (std::size_t j = 0; j < classes; ++j) smooth += member.w[j] * (all - u[j]);
    losses[static_cast<std::size_t>(row)] =
        member.w[y] * (1.0 - member.eta) * (all - u[y]) + member.eta / classes * smooth;
  }
  return losses;
}

// log pi_c of smoothed counts.
double log_share(std::size_t c, double smoothing) {
  double total = 0.0;
  for (const double count : counts) total += count + smoothing;
  return std::log((counts[c] + smoothing) / total);
}

// n_c^(-1/4); the margin of the rarest class, which has 4 examples, is max_margin.
double margin_of(std::size_t c, double max_margin, double smoothing) {
  return max_margin * std::pow((counts[c] + smoothing) / (4.0 + smoothing), -0.25);
}

// What all options of the family have in common.
template <class Options>
Options common(Reduction reduction) {
  Options options;
  options.reduction = reduction;
  options.check_finite = true;
  options.ignore_index = ignored_label;
  options.class_weight = weights;
  return options;
}

template <class Options>
Options with_counts(Reduction reduction) {
  auto options = common<Options>(reduction);
  options.class_counts = counts;
  options.count_smoothing = 2.5;
  options.label_smoothing = 0.125;
  return options;
}

Family weighted(double eta) {
  Family member;
  member.w = row_of(weights);
  member.eta = eta;
  return member;
}

const std::vector<double> offsets = {0.5, -1.0, 0.25, 2.0, -0.75};
const std::vector<double> margins = {0.1, 0.2, 0.4, -0.3, 0.7};
const std::vector<double> scales = {1.0, 0.5, 2.0, 0.25, 1.5};

RowLosses cross_entropy(const Scores &z, const Scores &) { return losses_of(weighted(0.25), z); }

RowLosses logit_adjusted(const Scores &z, const Scores &) {
  Family member = weighted(0.125);
  for (std::size_t j = 0; j < classes; ++j) member.a[j] = 1.5 * log_share(j, 2.5);
  return losses_of(member, z);
}

RowLosses ldam(const Scores &z, const Scores &) {
  Family member = weighted(0.125);
  member.s = 2.0;
  for (std::size_t j = 0; j < classes; ++j) member.b[j] = margin_of(j, 0.75, 2.5);
  return losses_of(member, z);
}

RowLosses elm(const Scores &z, const Scores &) {
  Family member = weighted(0.125);
  member.s = 1.5;
  member.lam = 0.625;
  for (std::size_t j = 0; j < classes; ++j) member.b[j] = margin_of(j, 0.25, 2.5);
  return losses_of(member, z);
}

RowLosses vector_scaling(const Scores &z, const Scores &) {
  Family member = weighted(0.125);
  for (std::size_t j = 0; j < classes; ++j) {
    member.d[j] = std::pow((counts[j] + 2.5) / 502.5, 0.2);
    member.a[j] = 0.5 * log_share(j, 2.5);
  }
  return losses_of(member, z);
}

RowLosses margin_softmax(const Scores &z, const Scores &) {
  Family member = weighted(0.1);
  member.s = 1.25;
  member.lam = -0.5;
  member.a = row_of(offsets);
  member.b = row_of(margins);
  member.d = row_of(scales);
  return losses_of(member, z);
}

RowLosses focal(const Scores &z, const Scores &) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    if (row == ignored_row) continue;
    const Row &u = z[static_cast<std::size_t>(row)];
    const double p = std::exp(u[label_of(row)] - log_sum_exp(u));
    losses[static_cast<std::size_t>(row)] = weights[label_of(row)] * std::pow(1.0 - p, 1.5) * -std::log(p);
  }
  return losses;
}

}  // namespace

int main() {
  compare({"CrossEntropyLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::CrossEntropyOptions>(reduction);
             options.label_smoothing = 0.25;
             return topkloss::CrossEntropyLoss(options);
           },
           cross_entropy, weights});
  compare({"LogitAdjustedLoss",
           [](Reduction reduction) {
             auto options = with_counts<topkloss::LogitAdjustedOptions>(reduction);
             options.tau = 1.5;
             return topkloss::LogitAdjustedLoss(options);
           },
           logit_adjusted, weights});
  compare({"LDAMLoss",
           [](Reduction reduction) {
             auto options = with_counts<topkloss::LDAMOptions>(reduction);
             options.max_margin = 0.75;
             options.scale = 2.0;
             return topkloss::LDAMLoss(options);
           },
           ldam, weights});
  compare({"ELMLoss",
           [](Reduction reduction) {
             auto options = with_counts<topkloss::ELMOptions>(reduction);
             options.max_margin = 0.25;
             options.scale = 1.5;
             options.lam = 0.625;
             return topkloss::ELMLoss(options);
           },
           elm, weights});
  compare({"VectorScalingLoss",
           [](Reduction reduction) {
             auto options = with_counts<topkloss::VectorScalingOptions>(reduction);
             options.gamma = 0.2;
             options.tau = 0.5;
             return topkloss::VectorScalingLoss(options);
           },
           vector_scaling, weights});
  compare({"MarginSoftmaxLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::MarginSoftmaxOptions>(reduction);
             options.label_smoothing = 0.1;
             options.offset = offsets;
             options.margin = margins;
             options.class_scale = scales;
             options.scale = 1.25;
             options.lam = -0.5;
             return topkloss::MarginSoftmaxLoss(options);
           },
           margin_softmax, weights});
  compare({"FocalLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::FocalOptions>(reduction);
             options.gamma = 1.5;
             return topkloss::FocalLoss(options);
           },
           focal, weights});
  return check_summary();
}

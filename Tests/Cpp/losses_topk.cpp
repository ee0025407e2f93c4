// The top-K family, with no option at its default, against plain sums: the hinge by sorting, noised top-K sample by
// sample and, exact, by a fine quadrature of the distribution of ranks, the smooth top-K SVM by its sum over subsets.
#include <algorithm>

#include "compare.hpp"

namespace {

using topkloss::Reduction;

constexpr int top = 2;
constexpr double epsilon = 0.75;

// Multiples of 1/64: float holds them, and the scores that they lead to.
std::vector<double> make_noise() {
  std::vector<double> noise(rows * samples * classes);
  std::uint32_t state = 12345;
  for (double &entry : noise) {
    state = state * 1664525U + 1013904223U;
    entry = std::rint((state >> 8) / 16777216.0 * 256.0 - 128.0) / 64.0;
  }
  return noise;
}

const std::vector<double> given_noise = make_noise();

// The r-th largest, r from 1.
double ranked(Row scores, std::size_t r) {
  std::sort(scores.begin(), scores.end(), std::greater<double>());
  return scores[r - 1];
}

// P(at most `most` of the classes exceed t), from the distribution of that number, class after class.
double at_most(const Row &z, double t, std::size_t most) {
  std::array<double, classes + 1> distribution = {1.0};
  for (std::size_t j = 0; j < classes; ++j) {
    const double p = 0.5 * std::erfc((t - z[j]) / (epsilon * std::sqrt(2.0)));
    for (std::size_t count = j + 1; count > 0; --count)
      distribution[count] = distribution[count] * (1.0 - p) + distribution[count - 1] * p;
    distribution[0] *= 1.0 - p;
  }
  double sum = 0.0;
  for (std::size_t count = 0; count <= most; ++count) sum += distribution[count];
  return sum;
}

// E[ the r-th largest of z + epsilon Z ]: it is at most t when at most r - 1 classes exceed t.
double expected_rank(const Row &z, std::size_t r) {
  const double low = ranked(z, classes) - 9.0 * epsilon;
  const double high = ranked(z, 1) + 9.0 * epsilon;
  const int steps = static_cast<int>((high - low) / (0.05 * epsilon)) + 1;
  const double width = (high - low) / steps;
  double integral = 0.0;
  for (int i = 0; i <= steps; ++i)
    integral += (i == 0 || i == steps ? 0.5 : 1.0) * at_most(z, low + i * width, r - 1);
  return high - width * integral;
}

// The mean over the samples of the given noise.
double mean_rank(const Row &z, int row, std::size_t r) {
  double sum = 0.0;
  for (int s = 0; s < samples; ++s) {
    Row scores = z;
    for (std::size_t j = 0; j < classes; ++j)
      scores[j] += epsilon * given_noise[static_cast<std::size_t>((row * samples + s) * classes) + j];
    sum += ranked(scores, r);
  }
  return sum / samples;
}

// s (m_y + T - z_y)+ for every row.
template <class Margin, class Rank>
RowLosses hinges(const Scores &z, double s, Margin margin, Rank rank) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (row == ignored_row) continue;
    losses[i] = s * std::max(0.0, margin(label_of(row)) + rank(z[i], row) - z[i][label_of(row)]);
  }
  return losses;
}

template <class Options>
Options common(Reduction reduction) {
  Options options;
  options.reduction = reduction;
  options.check_finite = true;
  options.ignore_index = ignored_label;
  options.k = top;
  return options;
}

topkloss::NoisedTopKOptions noised(Reduction reduction) {
  auto options = common<topkloss::NoisedTopKOptions>(reduction);
  options.n_samples = samples;
  options.seed = 5;
  options.epsilon = epsilon;
  options.margin = 1.25;
  options.scale = 2.0;
  return options;
}

RowLosses sampled(const Scores &z, const Scores &) {
  return hinges(z, 2.0, [](std::size_t) { return 1.25; },
                [](const Row &row, int i) { return mean_rank(row, i, top + 1); });
}

RowLosses exact(const Scores &z, const Scores &) {
  return hinges(z, 2.0, [](std::size_t) { return 1.25; },
                [](const Row &row, int) { return expected_rank(row, top + 1); });
}

// max_margin n_y^(-1/4) / max_c n_c^(-1/4), of counts smoothed by 1; the smallest is 4.
RowLosses imbalanced(const Scores &z, const Scores &) {
  return hinges(z, 2.0, [](std::size_t y) { return 0.8 * std::pow((counts[y] + 1.0) / 5.0, -0.25); },
                [](const Row &row, int) { return expected_rank(row, top + 1); });
}

RowLosses hinge(const Scores &z, const Scores &) {
  return hinges(z, 1.0, [](std::size_t) { return 1.5; }, [](const Row &row, int) { return ranked(row, top + 1); });
}

RowLosses operator_exact(const Scores &z, const Scores &) {
  RowLosses values = {};
  for (std::size_t row = 0; row < rows; ++row) values[row] = expected_rank(z[row], top);
  return values;
}

RowLosses operator_sampled(const Scores &z, const Scores &) {
  RowLosses values = {};
  for (std::size_t row = 0; row < rows; ++row) values[row] = mean_rank(z[row], static_cast<int>(row), classes);
  return values;
}

constexpr double tau = 0.4;
constexpr double alpha = 0.6;

// sigma_r of every class but y: the products over all subsets of r classes.
double symmetric(const Row &e, std::size_t y, int r) {
  double sum = 0.0;
  for (unsigned subset = 0; subset < 1U << classes; ++subset) {
    double product = 1.0;
    int size = 0;
    if ((subset >> y & 1U) != 0) continue;
    for (std::size_t j = 0; j < classes; ++j) {
      if ((subset >> j & 1U) == 0) continue;
      product *= e[j];
      ++size;
    }
    if (size == r) sum += product;
  }
  return sum;
}

RowLosses svm(const Scores &z, const Scores &) {
  RowLosses losses = {};
  for (int row = 0; row < rows; ++row) {
    if (row == ignored_row) continue;
    const std::size_t y = label_of(row);
    Row e = {};
    for (std::size_t j = 0; j < classes; ++j) e[j] = std::exp(z[static_cast<std::size_t>(row)][j] / (top * tau));
    const double kept = e[y] * symmetric(e, y, top - 1);
    losses[static_cast<std::size_t>(row)] =
        tau * std::log(kept + std::exp(alpha / tau) * symmetric(e, y, top)) - tau * std::log(kept);
  }
  return losses;
}

topkloss::Loss sampled_operator(Reduction) {
  topkloss::NoisedTopKOperatorOptions options;
  options.k = classes;
  options.n_samples = samples;
  options.seed = 6;
  options.epsilon = epsilon;
  options.estimator = topkloss::Estimator::monte_carlo;
  options.check_finite = true;
  return topkloss::NoisedTopKOperator(options);
}

// Its own noise is that of standard_normal, at the batch's step and first row.
void own_noise() {
  const std::vector<float> z(rows * classes, 0.0F);
  std::vector<float> noise(rows * samples * classes);
  topkloss::standard_normal(5, 9, 100, rows, samples, classes, noise);
  const topkloss::NoisedTopKLoss loss(noised(Reduction::mean));
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(z.data(), rows, classes);
  batch.labels = labels;
  batch.step = 9;
  batch.first_row = 100;
  const double drawn = loss.evaluate(batch).value;
  // Another seed, whose own noise is not looked at.
  topkloss::NoisedTopKOptions other = noised(Reduction::mean);
  other.seed = 77;
  batch.noise = topkloss::Noise(noise.data());
  const double given = topkloss::NoisedTopKLoss(other).evaluate(batch).value;
  CHECK(!(drawn < given) && !(given < drawn), std::to_string(drawn) + " and " + std::to_string(given));
}

// Noise with gaps between rows and between samples.
void strides_of_noise() {
  constexpr std::size_t sample_stride = classes + 1;
  constexpr std::size_t row_stride = samples * sample_stride + 2;
  const std::vector<double> spread_logits = spread<double>(logits, classes);
  std::vector<double> noise(rows * row_stride, 1e6);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t s = 0; s < samples; ++s)
      for (std::size_t j = 0; j < classes; ++j)
        noise[row * row_stride + s * sample_stride + j] = given_noise[(row * samples + s) * classes + j];
  const topkloss::NoisedTopKLoss loss(noised(Reduction::sum));
  topkloss::Batch batch;
  batch.logits = topkloss::ConstMatrix(spread_logits.data(), rows, classes);
  batch.labels = labels;
  batch.noise = topkloss::Noise(noise.data(), row_stride, sample_stride);
  const RowLosses expected = sampled(logits, logits);
  CHECK_CLOSE(loss.evaluate(batch).value, expected[0] + expected[2] + expected[3], 1e-12, "noise with gaps");
}

}  // namespace

int main() {
  compare({"NoisedTopKLoss", [](Reduction reduction) { return topkloss::NoisedTopKLoss(noised(reduction)); }, sampled,
           {}, given_noise});
  compare({"NoisedTopKLoss, exact",
           [](Reduction reduction) {
             auto options = noised(reduction);
             options.estimator = topkloss::Estimator::exact;
             return topkloss::NoisedTopKLoss(options);
           },
           exact});
  compare({"NoisedTopKLoss, imbalanced",
           [](Reduction reduction) {
             auto options = noised(reduction);
             options.estimator = topkloss::Estimator::exact;
             options.class_counts = counts;
             options.count_smoothing = 1.0;
             options.max_margin = 0.8;
             return topkloss::NoisedTopKLoss(options);
           },
           imbalanced});
  compare({"NoisedTopKOperator",
           [](Reduction) {
             topkloss::NoisedTopKOperatorOptions options;
             options.k = top;
             options.epsilon = epsilon;
             return topkloss::NoisedTopKOperator(options);
           },
           operator_exact, {}, {}, true});
  compare({"NoisedTopKOperator, sampled", sampled_operator, operator_sampled, {}, given_noise, true});
  compare({"TopKHingeLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::TopKHingeOptions>(reduction);
             options.margin = 1.5;
             return topkloss::TopKHingeLoss(options);
           },
           hinge});
  compare({"SmoothTopKSVMLoss",
           [](Reduction reduction) {
             auto options = common<topkloss::SmoothTopKSVMOptions>(reduction);
             options.tau = tau;
             options.alpha = alpha;
             return topkloss::SmoothTopKSVMLoss(options);
           },
           svm});
  own_noise();
  strides_of_noise();
  return check_summary();
}

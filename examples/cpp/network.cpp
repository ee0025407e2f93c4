#include "network.hpp"

#include <cmath>

namespace {

constexpr Eigen::Index embedding_width = 64;
constexpr Eigen::Index hidden_width = 128;
constexpr Eigen::Index none = -1;

constexpr float first_decay = 0.9F;
constexpr float second_decay = 0.999F;

// Both corrections of the zero start, taken out of the loop over entries:
// (m / c1) / (sqrt(v / c2) + e) = (sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2)).
struct Pace {
  float rate;
  float floor;
};

template <class Value, class Gradient, class First, class Second>
void move(Value &&value, const Gradient &gradient, First &&first, Second &&second, Pace pace) {
  first += (1.0F - first_decay) * (gradient - first);
  second.array() += (1.0F - second_decay) * (gradient.array().square() - second.array());
  value.array() -= pace.rate * first.array() / (second.array().sqrt() + pace.floor);
}

void move(Parameter &moved, Pace pace) { move(moved.value, moved.gradient, moved.first, moved.second, pace); }

float share_of(const std::vector<int> &ngrams) { return 1.0F / static_cast<float>(ngrams.size()); }

}  // namespace

Parameter::Parameter(Eigen::Index rows, Eigen::Index columns, double spread, std::mt19937_64 &random)
    : value(rows, columns), first(Matrix::Zero(rows, columns)), second(Matrix::Zero(rows, columns)) {
  std::normal_distribution<double> normal(0.0, 1.0);
  for (float &entry : value.reshaped()) entry = spread > 0.0 ? static_cast<float>(spread * normal(random)) : 0.0F;
}

Network::Network(Eigen::Index outputs, std::uint64_t seed)
    : random_(seed),
      embedding_(buckets, embedding_width, 0.1, random_),
      hidden_weight_(embedding_width, hidden_width, std::sqrt(2.0 / embedding_width), random_),
      hidden_bias_(1, hidden_width, 0.0, random_),
      head_weight_(hidden_width, outputs, std::sqrt(1.0 / hidden_width), random_),
      head_bias_(1, outputs, 0.0, random_),
      place_(buckets, none) {}

void Network::forward(const CityRows &part, const Batch &rows, Matrix &logits) {
  embedded_.setZero(rows.size(), embedding_width);
  for (Eigen::Index i = 0; i < rows.size(); ++i) {
    const std::vector<int> &ngrams = part.ngrams[rows[i]];
    for (const int bucket : ngrams) embedded_.row(i) += embedding_.value.row(bucket);
    embedded_.row(i) *= share_of(ngrams);
  }
  hidden_.noalias() = embedded_ * hidden_weight_.value;
  hidden_.rowwise() += hidden_bias_.value.row(0);
  hidden_ = hidden_.cwiseMax(0.0F);
  logits.noalias() = hidden_ * head_weight_.value;
  logits.rowwise() += head_bias_.value.row(0);
}

void Network::backward(const CityRows &part, const Batch &rows, const Matrix &logits_gradient) {
  head_weight_.gradient.noalias() = hidden_.transpose() * logits_gradient;
  head_bias_.gradient = logits_gradient.colwise().sum();
  Matrix hidden_gradient = logits_gradient * head_weight_.value.transpose();
  hidden_gradient = (hidden_.array() > 0.0F).select(hidden_gradient, 0.0F);
  hidden_weight_.gradient.noalias() = embedded_.transpose() * hidden_gradient;
  hidden_bias_.gradient = hidden_gradient.colwise().sum();
  const Matrix embedded_gradient = hidden_gradient * hidden_weight_.value.transpose();

  touched_.clear();
  for (Eigen::Index i = 0; i < rows.size(); ++i)
    for (const int bucket : part.ngrams[rows[i]]) {
      Eigen::Index &place = place_[static_cast<std::size_t>(bucket)];
      if (place != none) continue;
      place = static_cast<Eigen::Index>(touched_.size());
      touched_.push_back(bucket);
    }
  embedding_.gradient.setZero(static_cast<Eigen::Index>(touched_.size()), embedding_width);
  for (Eigen::Index i = 0; i < rows.size(); ++i) {
    const std::vector<int> &ngrams = part.ngrams[rows[i]];
    for (const int bucket : ngrams)
      embedding_.gradient.row(place_[static_cast<std::size_t>(bucket)]) +=
          share_of(ngrams) * embedded_gradient.row(i);
  }
  for (const Eigen::Index bucket : touched_) place_[static_cast<std::size_t>(bucket)] = none;
}

void Network::step(double learning_rate) {
  ++steps_;
  const double first_correction = 1.0 - std::pow(static_cast<double>(first_decay), steps_);
  const double second_correction = std::sqrt(1.0 - std::pow(static_cast<double>(second_decay), steps_));
  const Pace pace = {static_cast<float>(learning_rate * second_correction / first_correction),
                     static_cast<float>(1e-8 * second_correction)};
  for (Parameter *parameter : {&hidden_weight_, &hidden_bias_, &head_weight_, &head_bias_}) move(*parameter, pace);
  for (std::size_t i = 0; i < touched_.size(); ++i)
    move(embedding_.value.row(touched_[i]), embedding_.gradient.row(static_cast<Eigen::Index>(i)),
         embedding_.first.row(touched_[i]), embedding_.second.row(touched_[i]), pace);
}

// The model: the mean embedding of a name's n-grams, a hidden layer with a rectifier, and a last layer that gives one
// logit a country. It knows nothing of the loss: whoever trains it hands it the gradient with respect to the logits.
#pragma once

#include <Eigen/Core>
#include <random>
#include <vector>

#include "cities.hpp"

// Row-major, as topkloss has its matrices.
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Which rows of a part make up a batch.
using Batch = Eigen::Map<const Eigen::Array<std::size_t, Eigen::Dynamic, 1>>;

// Numbers to be learned, their gradient, and Adam's running means of the gradient and of its square.
struct Parameter {
  Matrix value;
  Matrix gradient;
  Matrix first;
  Matrix second;

  // Normal numbers of this spread; 0: zeros.
  Parameter(Eigen::Index rows, Eigen::Index columns, double spread, std::mt19937_64 &random);
};

class Network {
 public:
  Network(Eigen::Index outputs, std::uint64_t seed);

  // Logits of these rows of a part, one row each.
  void forward(const CityRows &part, const Batch &rows, Matrix &logits);

  // Leaves every parameter's gradient in it, given that of the logits of the last forward.
  void backward(const CityRows &part, const Batch &rows, const Matrix &logits_gradient);

  // One update by Adam (Kingma and Ba, ICLR 2015), in the lazy form: the rows of the embedding table that the batch
  // did not touch stay as they are, and so do their running means.
  void step(double learning_rate);

 private:
  std::mt19937_64 random_;
  Parameter embedding_;
  Parameter hidden_weight_, hidden_bias_, head_weight_, head_bias_;
  // The table's rows that the last batch touched, which its gradient has, and the place of each bucket among them.
  std::vector<Eigen::Index> touched_;
  std::vector<Eigen::Index> place_;
  Matrix embedded_;
  Matrix hidden_;
  int steps_ = 0;
};

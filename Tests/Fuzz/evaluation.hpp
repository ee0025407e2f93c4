// One call of topkloss_evaluate, with what is promised of every such call checked.
#pragma once

#include "problem.hpp"

struct Answer {
  topkloss_status status = TOPKLOSS_OK;
  double value = 0, total_weight = 0, threshold = 0;
  std::vector<double> row_values, gradient, multi_label_gradient;

  // The numbers that were asked for, in one order.
  template <typename Visit>
  void each(Visit visit) const {
    visit("value", value);
    visit("total_weight", total_weight);
    visit("threshold", threshold);
    for (const double number : row_values) visit("row_values", number);
    for (const double number : gradient) visit("gradient", number);
    for (const double number : multi_label_gradient) visit("multi_label_gradient", number);
  }
};

// Creates the loss of these options, evaluates and destroys it. The problem's numbers are changed only to what they are in
// memory, where elements share some.
void evaluate(const Options &options, Problem &problem, const Setting &setting, Answer &answer);

// Creates a loss; NULL if it is refused. Its status is put there.
topkloss_loss *create(const Library &library, const Options &options, topkloss_status &status);

// topkloss for C++17: losses for long-tailed and ambiguous classification, value and gradient in one call.
//
// A header-only layer over topkloss.h, which says what every loss, option and number means; the names are the same.
//
//   topkloss::LogitAdjustedOptions options;
//   options.class_counts = counts;                                   // a std::vector<double>, say
//   const topkloss::LogitAdjustedLoss loss(options);
//   topkloss::Batch batch;
//   batch.logits = topkloss::ConstMatrix(logits.data(), rows, classes);
//   batch.labels = labels;                                           // a std::vector<std::int64_t>, say
//   topkloss::Output output;
//   output.gradient = topkloss::Matrix(gradient.data(), rows, classes);
//   const double value = loss.evaluate(batch, output).value;
//
// What holds for all of it:
//
//   - Losses own their handle: they can be moved, not copied. Moved from, they are empty, and evaluating them throws.
//     Like the handle, a loss may be used by many threads at once.
//   - Views (ConstMatrix, Matrix, Labels, Span, Values, Noise) own nothing. What they look at must outlive the call;
//     options are read while a loss is made and may go afterwards.
//   - What fails throws topkloss::Error with the library's message and status. The sizes of views are checked against
//     each other first, so that a view that is too short is an error and not an overrun. Taken on trust: that there is
//     as much memory as a view says, matrices and their strides included; Noise, which has no length; and, of a Loss
//     that was made from a handle of the C interface, that an upstream of one number is what its reduction takes.
//   - evaluate allocates nothing, and a warm library neither. An exception's message does.
#ifndef TOPKLOSS_HPP
#define TOPKLOSS_HPP

#if !(__cplusplus >= 201703L || (defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#error "topkloss.hpp needs C++17; topkloss.h needs C99 or C++11"
#endif

#include "topkloss/batch.hpp"
#include "topkloss/class_weights.hpp"
#include "topkloss/enumerators.hpp"
#include "topkloss/error.hpp"
#include "topkloss/executor.hpp"
#include "topkloss/library.hpp"
#include "topkloss/loss.hpp"
#include "topkloss/losses.hpp"
#include "topkloss/metrics.hpp"
#include "topkloss/noise.hpp"
#include "topkloss/options.hpp"
#include "topkloss/outlying_mse.hpp"
#include "topkloss/posthoc.hpp"
#include "topkloss/views.hpp"

#endif  // TOPKLOSS_HPP

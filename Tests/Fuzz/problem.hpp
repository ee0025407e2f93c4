// A batch in numbers, and the ways to put it to the library that must all give the same answer.
#pragma once

#include <vector>

#include "layout.hpp"
#include "structs.hpp"

struct Problem {
  Shape shape{0, 1, 0};
  Nature nature = Nature::ordinary;
  // Of the numbers: they are elements of this type and of all that are wider.
  topkloss_dtype dtype = TOPKLOSS_FLOAT32;
  std::vector<double> logits, multi_label_logits, soft_labels, noise;
  std::vector<int64_t> labels;
  std::vector<double> sample_weight, upstream;
  bool has_labels = true, has_soft_labels = false, has_noise = false, has_weights = false, has_upstream = false;
  int64_t samples = 0;
  uint64_t step = 0;
  int64_t first_row = 0;
  double threshold = 0;
  // A member of the batch's struct that is replaced by a number no library may take, or by NULL.
  const StructMember *spoilt = nullptr;
  int64_t spoilt_by = 0;

  // Some of the rows.
  Problem rows(int64_t begin, int64_t end) const;
};

// How the host runs tasks.
enum class Host { none, backwards, scrambled, forgetful };

struct Setting {
  const Library *library = nullptr;
  topkloss_dtype dtype = TOPKLOSS_FLOAT32;
  topkloss_label_type label_type = TOPKLOSS_INT64;
  Layout logits, multi_label_logits, soft_labels, gradient, multi_label_gradient;
  int64_t noise_row_pad = 0, noise_sample_pad = 0;
  bool is_in_place = false, is_second_in_place = false;
  bool wants_gradient = true, wants_second_gradient = true, wants_row_values = true;
  Host host = Host::none;
  int threads = 1;
  // Bytes of the batch's struct and of the result's.
  size_t batch_size = sizeof(topkloss_batch), result_size = sizeof(topkloss_result);
};

// Noise of `samples` a row, if they can be had.
void draw_problem(Input &input, int64_t classes, bool is_ordinary, bool has_second_head, int64_t most_elements,
                  Problem &problem);
void draw_noise(Input &input, int64_t samples, Problem &problem);
// Of a problem that becomes one without groups where a struct is too old to know of them.
// `like`: with structs of that one's sizes.
void draw_setting(Input &input, Problem &problem, Setting &setting, const Setting *like = nullptr);

// Puts the inputs where the setting has them, and returns the batch there.
const topkloss_batch *place_batch(Problem &problem, const Setting &setting);

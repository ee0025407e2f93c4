#include "adam.h"

#include <math.h>

static const float first_decay = 0.9F;
static const float second_decay = 0.999F;

/* Both corrections of the zero start, taken out of the loop over entries:
 * (m / c1) / (sqrt(v / c2) + e) = (sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2)). */
typedef struct {
  float rate;
  float floor;
} pace;

static void move(float *restrict value, const float *restrict gradient, float *restrict first, float *restrict second,
                 size_t count, pace now) {
  for (size_t i = 0; i < count; i++) {
    first[i] += (1.0F - first_decay) * (gradient[i] - first[i]);
    second[i] += (1.0F - second_decay) * (gradient[i] * gradient[i] - second[i]);
    value[i] -= now.rate * first[i] / (sqrtf(second[i]) + now.floor);
  }
}

static void move_all(parameter *moved, pace now) {
  move(moved->value, moved->gradient, moved->first, moved->second, moved->count, now);
}

void adam_step(network *net, int step, double learning_rate) {
  const double first_correction = 1.0 - pow((double)first_decay, step);
  const double second_correction = sqrt(1.0 - pow((double)second_decay, step));
  const pace now = {(float)(learning_rate * second_correction / first_correction), (float)(1e-8 * second_correction)};
  parameter *const table = &net->embedding;
  move_all(&net->hidden_weight, now);
  move_all(&net->hidden_bias, now);
  move_all(&net->head_weight, now);
  move_all(&net->head_bias, now);
  for (size_t i = 0; i < net->touched_count; i++) {
    const size_t row = (size_t)net->touched[i] * EMBEDDING_WIDTH;
    move(table->value + row, table->gradient + i * EMBEDDING_WIDTH, table->first + row, table->second + row,
         EMBEDDING_WIDTH, now);
  }
}

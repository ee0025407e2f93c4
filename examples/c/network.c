#include "network.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "ngrams.h"
#include "random.h"

/* gradients: how many numbers of it have a gradient at once. */
static parameter make_parameter(size_t count, size_t gradients, double spread, uint64_t *random) {
  parameter made;
  made.count = count;
  made.value = zeroed(count, sizeof(float));
  made.gradient = zeroed(gradients, sizeof(float));
  made.first = zeroed(count, sizeof(float));
  made.second = zeroed(count, sizeof(float));
  for (size_t i = 0; i < count && spread > 0.0; i++) made.value[i] = (float)(spread * random_normal(random));
  return made;
}

static void free_parameter(parameter *made) {
  free(made->value);
  free(made->gradient);
  free(made->first);
  free(made->second);
}

network make_network(size_t outputs, size_t most_rows, size_t most_ngrams, uint64_t seed) {
  const size_t embedding = (size_t)BUCKETS * EMBEDDING_WIDTH;
  const size_t hidden = EMBEDDING_WIDTH * HIDDEN_WIDTH;
  const size_t head = HIDDEN_WIDTH * outputs;
  network net;
  memset(&net, 0, sizeof net);
  net.outputs = outputs;
  net.most_rows = most_rows;
  net.embedding = make_parameter(embedding, most_ngrams * EMBEDDING_WIDTH, 0.1, &seed);
  net.hidden_weight = make_parameter(hidden, hidden, sqrt(2.0 / (double)EMBEDDING_WIDTH), &seed);
  net.hidden_bias = make_parameter(HIDDEN_WIDTH, HIDDEN_WIDTH, 0.0, &seed);
  net.head_weight = make_parameter(head, head, sqrt(1.0 / (double)HIDDEN_WIDTH), &seed);
  net.head_bias = make_parameter(outputs, outputs, 0.0, &seed);
  net.touched = zeroed(most_ngrams, sizeof *net.touched);
  net.place = zeroed(BUCKETS, sizeof *net.place);
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) net.place[bucket] = -1;
  net.embedded = zeroed(most_rows * EMBEDDING_WIDTH, sizeof(float));
  net.embedded_gradient = zeroed(most_rows * EMBEDDING_WIDTH, sizeof(float));
  net.hidden = zeroed(most_rows * HIDDEN_WIDTH, sizeof(float));
  net.hidden_gradient = zeroed(most_rows * HIDDEN_WIDTH, sizeof(float));
  net.transposed = zeroed(hidden > head ? hidden : head, sizeof(float));
  return net;
}

void free_network(network *net) {
  free_parameter(&net->embedding);
  free_parameter(&net->hidden_weight);
  free_parameter(&net->hidden_bias);
  free_parameter(&net->head_weight);
  free_parameter(&net->head_bias);
  free(net->touched);
  free(net->place);
  free(net->embedded);
  free(net->embedded_gradient);
  free(net->hidden);
  free(net->hidden_gradient);
  free(net->transposed);
}

/* sum += factor * numbers: the one inner loop of all products here, which compilers turn into vector instructions. */
static inline void add_scaled(float *restrict sum, float factor, const float *restrict numbers, size_t count) {
  for (size_t i = 0; i < count; i++) sum[i] += factor * numbers[i];
}

/* product (rows x columns) += left (rows x inner) right (inner x columns). */
static void add_product(float *product, const float *left, const float *right, size_t rows, size_t inner,
                        size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < inner; k++)
      if (left[i * inner + k] != 0.0F)
        add_scaled(product + i * columns, left[i * inner + k], right + k * columns, columns);
}

/* outputs = inputs weight + bias. */
static void linear(float *outputs, const float *inputs, const parameter *weight, const parameter *bias, size_t rows) {
  const size_t columns = bias->count;
  for (size_t i = 0; i < rows; i++) memcpy(outputs + i * columns, bias->value, columns * sizeof(float));
  add_product(outputs, inputs, weight->value, rows, weight->count / columns, columns);
}

/* The gradients of weight, bias and inputs, given that of the outputs. */
static void linear_backward(network *net, parameter *weight, parameter *bias, const float *inputs,
                            const float *upstream, float *inputs_gradient, size_t rows) {
  const size_t columns = bias->count;
  const size_t inner = weight->count / columns;
  memset(weight->gradient, 0, weight->count * sizeof(float));
  memset(bias->gradient, 0, columns * sizeof(float));
  for (size_t i = 0; i < rows; i++) {
    add_scaled(bias->gradient, 1.0F, upstream + i * columns, columns);
    for (size_t k = 0; k < inner; k++)
      if (inputs[i * inner + k] != 0.0F)
        add_scaled(weight->gradient + k * columns, inputs[i * inner + k], upstream + i * columns, columns);
  }
  for (size_t k = 0; k < inner; k++)
    for (size_t j = 0; j < columns; j++) net->transposed[j * inner + k] = weight->value[k * columns + j];
  memset(inputs_gradient, 0, rows * inner * sizeof(float));
  add_product(inputs_gradient, upstream, net->transposed, rows, columns, inner);
}

void forward(network *net, const city_rows *part, const size_t *rows, size_t start, size_t count, float *logits) {
  memset(net->embedded, 0, count * EMBEDDING_WIDTH * sizeof(float));
  for (size_t i = 0; i < count; i++) {
    const size_t row = rows == NULL ? start + i : rows[i];
    const size_t end = part->first[row + 1];
    const float share = 1.0F / (float)(end - part->first[row]);
    for (size_t at = part->first[row]; at < end; at++)
      add_scaled(net->embedded + i * EMBEDDING_WIDTH, share,
                 net->embedding.value + (size_t)part->ngrams[at] * EMBEDDING_WIDTH, EMBEDDING_WIDTH);
  }
  linear(net->hidden, net->embedded, &net->hidden_weight, &net->hidden_bias, count);
  for (size_t i = 0; i < count * HIDDEN_WIDTH; i++)
    if (net->hidden[i] < 0.0F) net->hidden[i] = 0.0F;
  linear(logits, net->hidden, &net->head_weight, &net->head_bias, count);
}

/* The gradient of the rows of the table that the batch touches; that of the others is zero. */
static void embedding_backward(network *net, const city_rows *part, const size_t *rows, size_t count) {
  net->touched_count = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t end = part->first[rows[i] + 1];
    const float share = 1.0F / (float)(end - part->first[rows[i]]);
    for (size_t at = part->first[rows[i]]; at < end; at++) {
      const uint32_t bucket = part->ngrams[at];
      if (net->place[bucket] < 0) {
        net->place[bucket] = (int32_t)net->touched_count;
        net->touched[net->touched_count] = bucket;
        memset(net->embedding.gradient + net->touched_count++ * EMBEDDING_WIDTH, 0, EMBEDDING_WIDTH * sizeof(float));
      }
      add_scaled(net->embedding.gradient + (size_t)net->place[bucket] * EMBEDDING_WIDTH, share,
                 net->embedded_gradient + i * EMBEDDING_WIDTH, EMBEDDING_WIDTH);
    }
  }
  for (size_t i = 0; i < net->touched_count; i++) net->place[net->touched[i]] = -1;
}

void backward(network *net, const city_rows *part, const size_t *rows, size_t count, const float *logits_gradient) {
  linear_backward(net, &net->head_weight, &net->head_bias, net->hidden, logits_gradient, net->hidden_gradient, count);
  for (size_t i = 0; i < count * HIDDEN_WIDTH; i++)
    if (net->hidden[i] <= 0.0F) net->hidden_gradient[i] = 0.0F;
  linear_backward(net, &net->hidden_weight, &net->hidden_bias, net->embedded, net->hidden_gradient,
                  net->embedded_gradient, count);
  embedding_backward(net, part, rows, count);
}

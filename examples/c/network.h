/*
 * The model: the mean embedding of a name's n-grams, a hidden layer with a rectifier, and a last layer that gives one
 * logit a country. It knows nothing of the loss: whoever trains it hands it the gradient with respect to the logits.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include "cities.h"

enum { EMBEDDING_WIDTH = 64, HIDDEN_WIDTH = 128 };

/* Numbers to be learned, their gradient, and Adam's running means of the gradient and of its square. */
typedef struct {
  size_t count;
  float *value;
  float *gradient;
  float *first;
  float *second;
} parameter;

typedef struct {
  size_t outputs;
  size_t most_rows;
  /* BUCKETS x EMBEDDING_WIDTH. A batch touches few of its rows: its gradient has those only. */
  parameter embedding;
  /* EMBEDDING_WIDTH x HIDDEN_WIDTH, HIDDEN_WIDTH x outputs, and their biases. */
  parameter hidden_weight, hidden_bias, head_weight, head_bias;
  /* The embedding's rows that the last batch touched, and the place of each bucket among them, or -1. */
  size_t touched_count;
  uint32_t *touched;
  int32_t *place;
  /* What backward needs of forward, most_rows rows each, and room for its own. */
  float *embedded, *hidden, *hidden_gradient, *embedded_gradient, *transposed;
} network;

/* Random weights. most_rows: of a batch. most_ngrams: of a batch that is trained on. */
network make_network(size_t outputs, size_t most_rows, size_t most_ngrams, uint64_t seed);

void free_network(network *net);

/* Logits, count x outputs, of the rows of a part that `rows` names; NULL: those from `start` on. */
void forward(network *net, const city_rows *part, const size_t *rows, size_t start, size_t count, float *logits);

/* Leaves every parameter's gradient in it, given that of the logits of the last forward, of the same rows. */
void backward(network *net, const city_rows *part, const size_t *rows, size_t count, const float *logits_gradient);

#endif /* NETWORK_H */

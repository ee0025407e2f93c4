/*
 * Which country is a city in? A plain C99 training loop with a topkloss loss plugged in: see README.md.
 */
/* clock_gettime and isatty are POSIX's. */
#define _POSIX_C_SOURCE 200809L
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adam.h"
#include "cities.h"
#include "losses.h"
#include "memory.h"
#include "network.h"
#include "random.h"

enum { BATCH_ROWS = 256, EPOCHS = 6, QUICK_EPOCHS = 2 };

static const double learning_rate = 0.003;
static const double learning_rate_decay = 0.7;

typedef struct {
  const char *path;
  const char *loss;
  int quick;
} arguments;

static void require(topkloss_status status) {
  if (status == TOPKLOSS_OK) return;
  fprintf(stderr, "%s: %s\n", topkloss_status_name(status), topkloss_last_error());
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Fisher and Yates. */
static void shuffle(size_t *order, size_t count, uint64_t *random) {
  for (size_t i = count; i > 1; i--) {
    const size_t other = (size_t)(random_word(random) % i);
    const size_t kept = order[i - 1];
    order[i - 1] = order[other];
    order[other] = kept;
  }
}

/* The n-grams of the largest batch there can be. */
static size_t most_ngrams_of_a_batch(const city_rows *part) {
  size_t longest = 0;
  for (size_t row = 0; row < part->rows; row++) {
    const size_t length = part->first[row + 1] - part->first[row];
    if (length > longest) longest = length;
  }
  return longest * BATCH_ROWS;
}

/* Trains the network, and returns the seconds that the loss took. */
static double train(network *net, const topkloss_loss *loss, const city_rows *part, int epochs) {
  float *const logits = zeroed(BATCH_ROWS * net->outputs, sizeof(float));
  int64_t *const labels = zeroed(BATCH_ROWS, sizeof(int64_t));
  size_t *const order = zeroed(part->rows, sizeof(size_t));
  const int is_terminal = isatty(STDOUT_FILENO);
  double rate = learning_rate;
  double in_loss = 0.0;
  uint64_t random = 1;
  int step = 0;
  topkloss_batch batch;
  topkloss_result result;
  require(topkloss_batch_init(&batch, sizeof batch));
  require(topkloss_result_init(&result, sizeof result));
  batch.classes = (int64_t)net->outputs;
  batch.logits = logits;
  batch.labels = labels;
  /* The gradient is written over the logits, which nobody reads again. */
  result.gradient = logits;

  for (size_t row = 0; row < part->rows; row++) order[row] = row;
  for (int epoch = 1; epoch <= epochs; epoch++, rate *= learning_rate_decay) {
    double sum = 0.0;
    shuffle(order, part->rows, &random);
    for (size_t start = 0; start < part->rows; start += BATCH_ROWS) {
      const size_t count = part->rows - start < BATCH_ROWS ? part->rows - start : BATCH_ROWS;
      double before;
      for (size_t i = 0; i < count; i++) labels[i] = part->labels[order[start + i]];
      forward(net, part, order + start, 0, count, logits);

      before = seconds();
      batch.rows = (int64_t)count;
      /* Noised losses draw other noise every step. */
      batch.step = (uint64_t)step;
      require(topkloss_evaluate(loss, &batch, &result));
      in_loss += seconds() - before;

      backward(net, part, order + start, count, logits);
      adam_step(net, ++step, rate);
      sum += result.value * (double)count;
      if (is_terminal && step % 20 == 0) {
        printf("\repoch %d of %d: %3.0f %%", epoch, epochs, 100.0 * (double)start / (double)part->rows);
        fflush(stdout);
      }
    }
    printf("%sepoch %d of %d: mean loss %.4f\n", is_terminal ? "\r" : "", epoch, epochs, sum / (double)part->rows);
    fflush(stdout);
  }
  free(logits);
  free(labels);
  free(order);
  return in_loss;
}

/* Prints the share of names whose country is among the first k, over names and over countries. */
static void print_accuracy(const topkloss_batch *batch, int64_t k) {
  double accuracy[2];
  topkloss_topk_accuracy_options options;
  require(topkloss_topk_accuracy_options_init(&options, sizeof options));
  options.k = k;
  for (topkloss_average average = TOPKLOSS_MICRO; average <= TOPKLOSS_MACRO; average++) {
    options.average = average;
    require(topkloss_topk_accuracy(&options, batch, &accuracy[average]));
  }
  printf("test top-%d %.3f, class average %.3f\n", (int)k, accuracy[TOPKLOSS_MICRO], accuracy[TOPKLOSS_MACRO]);
}

static void print_accuracies(network *net, const city_rows *part) {
  float *const scores = zeroed(part->rows * net->outputs, sizeof(float));
  topkloss_batch batch;
  for (size_t start = 0; start < part->rows; start += BATCH_ROWS) {
    const size_t count = part->rows - start < BATCH_ROWS ? part->rows - start : BATCH_ROWS;
    forward(net, part, NULL, start, count, scores + start * net->outputs);
  }
  require(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = (int64_t)part->rows;
  batch.classes = (int64_t)net->outputs;
  batch.logits = scores;
  batch.labels = part->labels;
  print_accuracy(&batch, 1);
  print_accuracy(&batch, 5);
  free(scores);
}

static arguments parse(int count, char **words) {
  const struct option options[] = {{"loss", required_argument, NULL, 'l'},
                                   {"quick", no_argument, NULL, 'q'},
                                   {"help", no_argument, NULL, 'h'},
                                   {NULL, 0, NULL, 0}};
  arguments parsed = {NULL, "cross-entropy", 0};
  int option;
  while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
    if (option == 'l') parsed.loss = optarg;
    if (option == 'q') parsed.quick = 1;
    if (option == 'h' || option == '?') break;
  }
  if (option != -1 || optind != count - 1) {
    fprintf(option == 'h' ? stdout : stderr,
            "usage: %s [--loss NAME] [--quick] CITIES.TSV\n"
            "  --loss   %s\n"
            "  --quick  one name in four, %d epochs: just to see it run\n",
            words[0], loss_names, QUICK_EPOCHS);
    exit(option == 'h' ? 0 : 2);
  }
  parsed.path = words[optind];
  return parsed;
}

int main(int count, char **words) {
  const arguments given = parse(count, words);
  cities read = read_cities(given.path, given.quick);
  const int epochs = given.quick ? QUICK_EPOCHS : EPOCHS;
  network net = make_network((size_t)read.countries, BATCH_ROWS, most_ngrams_of_a_batch(&read.training), 0);
  double *const counts = zeroed((size_t)read.countries, sizeof(double));
  topkloss_loss *loss;
  double started, in_loss, taken;
  for (size_t row = 0; row < read.training.rows; row++) counts[read.training.labels[row]] += 1.0;
  loss = make_loss(given.loss, read.countries, counts);
  printf("%s: %zu names of %d countries to train on, %zu to test on\n", given.loss, read.training.rows,
         (int)read.countries, read.test.rows);
  started = seconds();
  in_loss = train(&net, loss, &read.training, epochs);
  taken = seconds() - started;
  print_accuracies(&net, &read.test);
  printf("%.1f seconds of training, %.2f of them in the loss\n", taken, in_loss);
  topkloss_loss_destroy(loss);
  free(counts);
  free_network(&net);
  free_cities(&read);
  return 0;
}

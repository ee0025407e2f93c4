// Which country is a city in? A training loop on Eigen's matrices with a topkloss loss plugged in: see README.md.
#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <stdexcept>

#include "losses.hpp"
#include "network.hpp"

namespace {

constexpr std::size_t batch_rows = 256;
constexpr int full_epochs = 6;
constexpr int quick_epochs = 2;
constexpr double first_learning_rate = 0.003;
constexpr double learning_rate_decay = 0.7;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Eigen's numbers, as topkloss sees them.
topkloss::Matrix view(Matrix &matrix) { return {matrix.data(), matrix.rows(), matrix.cols(), matrix.outerStride()}; }

// Trains the network, and returns the seconds that the loss took.
double train(Network &network, const topkloss::Loss &loss, const CityRows &part, int epochs) {
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  std::mt19937_64 random(1);
  std::vector<std::size_t> order(part.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::int64_t> labels;
  Matrix logits;
  double learning_rate = first_learning_rate;
  double in_loss = 0.0;
  std::uint64_t step = 0;

  for (int epoch = 1; epoch <= epochs; ++epoch, learning_rate *= learning_rate_decay) {
    double sum = 0.0;
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t start = 0; start < order.size(); start += batch_rows) {
      const std::size_t count = std::min(batch_rows, order.size() - start);
      const Batch rows(order.data() + start, static_cast<Eigen::Index>(count));
      labels.resize(count);
      for (std::size_t i = 0; i < count; ++i) labels[i] = part.labels[order[start + i]];
      network.forward(part, rows, logits);

      const Clock::time_point before = Clock::now();
      topkloss::Batch batch;
      batch.logits = view(logits);
      batch.labels = labels;
      batch.step = step++;  // Noised losses draw other noise every step.
      topkloss::Output output;
      output.gradient = view(logits);  // Written over the logits, which nobody reads again.
      sum += loss.evaluate(batch, output).value * static_cast<double>(count);
      in_loss += seconds_since(before);

      network.backward(part, rows, logits);
      network.step(learning_rate);
      if (is_terminal && step % 20 == 0) {
        std::printf("\repoch %d of %d: %3zu %%", epoch, epochs, 100 * start / order.size());
        std::fflush(stdout);
      }
    }
    std::printf("%sepoch %d of %d: mean loss %.4f\n", is_terminal ? "\r" : "", epoch, epochs,
                sum / static_cast<double>(order.size()));
    std::fflush(stdout);
  }
  return in_loss;
}

void print_accuracies(Network &network, const CityRows &part, Eigen::Index countries) {
  std::vector<std::size_t> order(part.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Matrix scores(static_cast<Eigen::Index>(part.size()), countries);
  Matrix logits;
  for (std::size_t start = 0; start < order.size(); start += batch_rows) {
    const auto count = static_cast<Eigen::Index>(std::min(batch_rows, order.size() - start));
    network.forward(part, Batch(order.data() + start, count), logits);
    scores.middleRows(static_cast<Eigen::Index>(start), count) = logits;
  }
  for (const int k : {1, 5}) {
    topkloss::TopKAccuracyOptions options;
    options.k = k;
    const double by_name = topkloss::topk_accuracy(view(scores), part.labels, options);
    options.average = topkloss::Average::macro;
    const double by_country = topkloss::topk_accuracy(view(scores), part.labels, options);
    std::printf("test top-%d %.3f, class average %.3f\n", k, by_name, by_country);
  }
}

struct Arguments {
  std::string path;
  std::string loss = "cross-entropy";
  bool quick = false;
};

Arguments parse(int count, char **words) {
  const option options[] = {{"loss", required_argument, nullptr, 'l'},
                            {"quick", no_argument, nullptr, 'q'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  Arguments parsed;
  int found = 0;
  while ((found = getopt_long(count, words, "", options, nullptr)) != -1) {
    if (found == 'l') parsed.loss = optarg;
    if (found == 'q') parsed.quick = true;
    if (found == 'h' || found == '?') break;
  }
  if (found != -1 || optind != count - 1) {
    std::fprintf(found == 'h' ? stdout : stderr,
                 "usage: %s [--loss NAME] [--quick] CITIES.TSV\n"
                 "  --loss   %s\n"
                 "  --quick  one name in four, %d epochs: just to see it run\n",
                 words[0], loss_names, quick_epochs);
    std::exit(found == 'h' ? 0 : 2);
  }
  parsed.path = words[optind];
  return parsed;
}

}  // namespace

int main(int count, char **words) try {
  const Arguments given = parse(count, words);
  const Cities cities = read_cities(given.path, given.quick);
  const topkloss::Loss loss = make_loss(given.loss, cities.counts());
  Network network(cities.countries, 0);
  std::printf("%s: %zu names of %d countries to train on, %zu to test on\n", given.loss.c_str(),
              cities.training.size(), static_cast<int>(cities.countries), cities.test.size());
  const Clock::time_point started = Clock::now();
  const double in_loss = train(network, loss, cities.training, given.quick ? quick_epochs : full_epochs);
  const double taken = seconds_since(started);
  print_accuracies(network, cities.test, cities.countries);
  std::printf("%.1f seconds of training, %.2f of them in the loss\n", taken, in_loss);
  return 0;
} catch (const topkloss::Error &error) {
  std::fprintf(stderr, "%s: %s\n", error.status_name(), error.what());
  return 1;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

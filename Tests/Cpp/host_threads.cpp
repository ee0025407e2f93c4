// The host's own threads: rows run on a pool of this program's, with the same results to the last bit, and exceptions of
// the host's come out where the library was called, not inside it.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "every_loss.hpp"
#include "thread_pool.hpp"

namespace {

constexpr int pool_size = 3;

// How many threads this process has.
int threads_of_process() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == "Threads:") {
      int count = 0;
      status >> count;
      return count;
    }
  return -1;
}

struct Answer {
  topkloss::Evaluation evaluation;
  std::vector<float> gradient;
  std::vector<float> multi_label_gradient;
  std::vector<float> row_values;
};

Answer answer_of(const topkloss::Loss &loss, Workload &work) {
  std::fill(work.gradient.begin(), work.gradient.end(), 0.0F);
  std::fill(work.multi_label_gradient.begin(), work.multi_label_gradient.end(), 0.0F);
  std::fill(work.row_values.begin(), work.row_values.end(), 0.0F);
  const topkloss::Evaluation evaluation = loss.evaluate(work.batch, work.output);
  return {evaluation, work.gradient, work.multi_label_gradient, work.row_values};
}

// To the last bit, the sign of zeros included.
template <class T>
bool same_bits(const std::vector<T> &a, const std::vector<T> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

bool same_bits(const Answer &a, const Answer &b) {
  const auto numbers = [](const topkloss::Evaluation &e) {
    return std::vector<double>{e.value, e.total_weight, e.threshold};
  };
  return same_bits(numbers(a.evaluation), numbers(b.evaluation)) && same_bits(a.gradient, b.gradient) &&
         same_bits(a.multi_label_gradient, b.multi_label_gradient) && same_bits(a.row_values, b.row_values);
}

// What is not evaluated has the host's threads too.
void after_training(ThreadPool &pool, const Workload &work, const topkloss::Executor &executor) {
  const topkloss::ConstMatrix &scores = work.batch.logits;
  const auto rows = static_cast<std::size_t>(scores.rows()), classes = static_cast<std::size_t>(scores.classes());
  const std::vector<double> counts(classes, 1.0);
  topkloss::ShotAccuracyOptions shots;
  topkloss::LogitAdjustOptions adjust;
  topkloss::OutlyingMSEOptions outlying;
  shots.class_counts = adjust.class_counts = outlying.class_counts = counts;
  std::vector<float> adjusted(rows * classes);
  std::vector<std::int64_t> predictions(rows);
  const auto on_the_pool = [&pool](const char *what, const auto &call) {
    pool.calls = 0;
    call();
    CHECK(pool.calls > 0, std::string(what) + " used no thread of the host's");
  };
  on_the_pool("topk_accuracy", [&] { topkloss::topk_accuracy(scores, work.batch.labels, {}, &executor); });
  on_the_pool("shot_accuracy", [&] { topkloss::shot_accuracy(scores, work.batch.labels, shots, &executor); });
  on_the_pool("tally", [&] { topkloss::Tally(scores.classes()).add_topk(scores, work.batch.labels, {}, {}, &executor); });
  on_the_pool("tally of sets", [&] {
    topkloss::Tally(scores.classes()).add_sets({}, scores, work.batch.labels, {}, TOPKLOSS_IGNORE_INDEX, &executor);
  });
  on_the_pool("logit_adjust", [&] {
    topkloss::logit_adjust(scores, adjust, topkloss::Matrix(adjusted.data(), scores.rows(), scores.classes()),
                           &executor);
  });
  on_the_pool("predict_sets", [&] {
    topkloss::predict_sets(topkloss::Threshold(), scores, topkloss::EmptySets::stay, &executor);
  });
  on_the_pool("predict", [&] {
    topkloss::OutlyingMSELoss(outlying).predict(scores, topkloss::PredictionRule::argmax, predictions, &executor);
  });
}

// Before the library has had reason to start threads of its own: with the host's, it starts none.
void on_the_pool(ThreadPool &pool, Workload &work, const std::vector<NamedLoss> &losses) {
  const topkloss::Executor executor(pool, pool_size);
  const int threads_before = threads_of_process();
  std::vector<Answer> hosted;
  work.batch.executor = &executor;
  for (const NamedLoss &named : losses) {
    pool.used.clear();
    pool.tasks = pool.calls = 0;
    hosted.push_back(answer_of(named.loss, work));
    const std::set<std::thread::id> ids = pool.ids();
    CHECK(pool.calls > 0 && pool.tasks > pool.calls, named.name + ": " + std::to_string(pool.tasks) + " tasks");
    CHECK(!pool.used.empty() && std::includes(ids.begin(), ids.end(), pool.used.begin(), pool.used.end()),
          named.name + " ran elsewhere");
    CHECK(pool.used.count(std::this_thread::get_id()) == 0, named.name + " ran on the calling thread");
  }
  const topkloss::Threshold threshold = topkloss::average_k_threshold(2.5, work.batch.logits, &executor);
  topkloss::AverageKAccuracyOptions options;
  options.k = 2.5;
  const double accuracy = topkloss::average_k_accuracy(work.batch.logits, work.batch.labels, options, &executor);
  after_training(pool, work, executor);
  CHECK(threads_of_process() == threads_before, "the library started threads of its own");

  work.batch.executor = nullptr;
  for (const int threads : {1, 2}) {
    topkloss::set_num_threads(threads);
    for (std::size_t i = 0; i < losses.size(); ++i)
      CHECK(same_bits(hosted[i], answer_of(losses[i].loss, work)),
            losses[i].name + " differs from " + std::to_string(threads) + " threads of the library's");
    const topkloss::Threshold own = topkloss::average_k_threshold(2.5, work.batch.logits);
    CHECK(same_bits<double>({own.value}, {threshold.value}) && own.ties == threshold.ties, "threshold");
    CHECK(same_bits<double>({topkloss::average_k_accuracy(work.batch.logits, work.batch.labels, options)}, {accuracy}),
          "accuracy");
  }
}

struct HostError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the host throws passes around the library, whether or not its tasks were run.
void exceptions(const topkloss::Loss &loss, Workload &work) {
  const Answer expected = answer_of(loss, work);
  for (const bool after_all : {false, true}) {
    auto throwing = [after_all](std::int64_t count, topkloss::Task task) {
      for (std::int64_t index = 0; index < count && after_all; ++index) task(index);
      throw HostError("no threads today");
    };
    const topkloss::Executor executor(throwing, 2);
    work.batch.executor = &executor;
    bool thrown = false;
    try {
      answer_of(loss, work);
    } catch (const HostError &error) {
      thrown = error.what() == std::string("no threads today");
    }
    CHECK(thrown, after_all ? "after all tasks" : "before any task");
  }
  // And an executor that forgets a task is an error of the library's.
  auto forgetful = [](std::int64_t count, topkloss::Task task) {
    for (std::int64_t index = 1; index < count; ++index) task(index);
  };
  const topkloss::Executor executor(forgetful, 2);
  work.batch.executor = &executor;
  expect_error(__LINE__, TOPKLOSS_ERROR_EXECUTOR, "executor", [&] { loss.evaluate(work.batch, work.output); });
  work.batch.executor = nullptr;
  CHECK(same_bits(expected, answer_of(loss, work)), "the library is as it was");
}

// One loss and one executor, which owns nothing of a call, by several host threads at once.
void at_once(const topkloss::Loss &loss, const Workload &work) {
  auto here = [](std::int64_t count, topkloss::Task task) {
    for (std::int64_t index = count; index-- > 0;) task(index);
  };
  const topkloss::Executor executor(here, 3);
  topkloss::Batch batch = work.batch;
  const double expected = loss.evaluate(batch).value;
  batch.executor = &executor;
  std::atomic<int> differing{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 20; ++repeat)
        if (!same_bits<double>({loss.evaluate(batch).value}, {expected})) ++differing;
    });
  for (std::thread &thread : threads) thread.join();
  CHECK(differing == 0, std::to_string(differing) + " differ");
}

}  // namespace

int main() {
  Workload work(1500, 70);
  const std::vector<NamedLoss> losses = every_loss(work.counts);
  {
    ThreadPool pool(pool_size);
    on_the_pool(pool, work, losses);
  }
  exceptions(losses.front().loss, work);
  at_once(losses.front().loss, work);
  return check_summary();
}

// A host's thread pool, as small as one can be: threads that wait for a range of indices and take them one by one.
#ifndef THREAD_POOL_HPP
#define THREAD_POOL_HPP

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "topkloss.hpp"

class ThreadPool {
 public:
  explicit ThreadPool(int size) {
    for (int i = 0; i < size; ++i) threads_.emplace_back([this] { work(); });
  }

  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  ~ThreadPool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_ending_ = true;
    }
    changed_.notify_all();
    for (std::thread &thread : threads_) thread.join();
  }

  // Runs every task on a thread of the pool, none on the caller's. Every thread takes one at least, if there are enough.
  void operator()(std::int64_t count, topkloss::Task task) {
    std::unique_lock<std::mutex> lock(mutex_);
    task_ = &task;
    next_ = 0;
    count_ = count;
    unfinished_ = count;
    ++calls;
    changed_.notify_all();
    changed_.wait(lock, [this] { return unfinished_ == 0; });
    task_ = nullptr;
  }

  std::set<std::thread::id> ids() const {
    std::set<std::thread::id> found;
    for (const std::thread &thread : threads_) found.insert(thread.get_id());
    return found;
  }

  // Which threads have run a task, and how many tasks.
  std::set<std::thread::id> used;
  std::int64_t tasks = 0;
  std::int64_t calls = 0;

 private:
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_ending_ || (task_ != nullptr && next_ < count_); });
      if (is_ending_) return;
      const std::int64_t index = next_++;
      const topkloss::Task task = *task_;
      lock.unlock();
      task(index);
      lock.lock();
      used.insert(std::this_thread::get_id());
      ++tasks;
      if (--unfinished_ == 0) changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const topkloss::Task *task_ = nullptr;
  std::int64_t next_ = 0;
  std::int64_t count_ = 0;
  std::int64_t unfinished_ = 0;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

#endif  // THREAD_POOL_HPP

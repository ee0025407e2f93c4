// The host's own threads.
#ifndef TOPKLOSS_EXECUTOR_HPP
#define TOPKLOSS_EXECUTOR_HPP

#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>

#include "error.hpp"

namespace topkloss {

namespace detail {
class ExecutorCall;
}

/// One call's work in pieces. Calling it runs the piece of that index, on any thread; it throws nothing.
class Task {
 public:
  Task(topkloss_task task, void *context) noexcept : task_(task), context_(context) {}

  void operator()(std::int64_t index) const noexcept { task_(context_, index); }

 private:
  topkloss_task task_;
  void *context_;
};

/// The host's threads, for hosts that want no threads but theirs: a view of a callable
///
///   void parallel_for(std::int64_t count, topkloss::Task task)
///
/// that runs task(index) exactly once for every index in [0, count), on whichever threads it likes and in any order,
/// and returns when all have ended. The callable is the host's and must outlive the executor.
///
/// If it throws, the call that used it ends with that exception, and its outputs are undefined. No task may be
/// running any more when it throws, and none may be started afterwards.
class Executor {
 public:
  /// concurrency: how many tasks the host can run at once, 1 to 1024.
  template <class ParallelFor, class = std::enable_if_t<!std::is_same_v<std::remove_cv_t<ParallelFor>, Executor>>>
  Executor(ParallelFor &parallel_for, std::int32_t concurrency) noexcept
      : host_(const_cast<void *>(static_cast<const void *>(std::addressof(parallel_for)))),
        run_([](void *host, std::int64_t count, Task task) { (*static_cast<ParallelFor *>(host))(count, task); }),
        concurrency_(concurrency) {
    static_assert(std::is_object_v<ParallelFor>, "a function is passed as a lambda that calls it");
  }

 private:
  friend class detail::ExecutorCall;

  void *host_;
  void (*run_)(void *host, std::int64_t count, Task task);
  std::int32_t concurrency_;
};

namespace detail {

/// One call's use of an executor: what the C interface gets, and the exception that must not pass through it.
class ExecutorCall {
 public:
  explicit ExecutorCall(const Executor *executor) noexcept : executor_(executor), c_() {
    if (executor == nullptr) return;
    topkloss_executor_init(&c_, sizeof c_);
    c_.parallel_for = parallel_for;
    c_.context = this;
    c_.concurrency = executor->concurrency_;
  }

  ExecutorCall(const ExecutorCall &) = delete;
  ExecutorCall &operator=(const ExecutorCall &) = delete;

  /// For topkloss_batch; null if there is no executor.
  const topkloss_executor *c() const noexcept { return executor_ == nullptr ? nullptr : &c_; }

  /// Throws what the host threw, else what the status says.
  void check(topkloss_status status) const {
    if (thrown_) std::rethrow_exception(thrown_);
    detail::check(status);
  }

 private:
  static void parallel_for(void *context, std::int64_t count, topkloss_task task, void *task_context) noexcept {
    auto &call = *static_cast<ExecutorCall *>(context);
    try {
      call.executor_->run_(call.executor_->host_, count, Task(task, task_context));
    } catch (...) {
      call.thrown_ = std::current_exception();
    }
  }

  const Executor *executor_;
  topkloss_executor c_;
  std::exception_ptr thrown_;
};

}  // namespace detail

}  // namespace topkloss

#endif  // TOPKLOSS_EXECUTOR_HPP

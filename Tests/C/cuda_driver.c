/*
 * A driver that fails at whatever it can: words say at what, and when it works again, so does the library. What is being
 * captured into a graph, before and after topkloss_cuda_prepare. A second device. Threads that all come first. A child.
 *
 * Fails without: the check of a capture, the context that is pushed and popped, the device of the logits, that
 * of the workspace, cuda_settle, the kernels that topkloss_cuda_prepare asks for.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>

#include "cuda.h"

static void driver_that_is_none(const cuda_call *call) {
  int32_t count = -7;
  fake_cuda_set_faults("no-device");
  CHECK_REFUSED(topkloss_cuda_devices(&count), TOPKLOSS_ERROR_DEVICE, "no CUDA-capable device");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "cuInit failed with error 100");
  CHECK_REFUSED(topkloss_cuda_prepare(call->loss, 0), TOPKLOSS_ERROR_DEVICE, "cuInit");
  fake_cuda_set_faults("old-driver");
  CHECK_REFUSED(topkloss_cuda_devices(&count), TOPKLOSS_ERROR_DEVICE, "CUDA 9.0");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "CUDA 9.0");
  fake_cuda_set_faults(NULL);
  CHECK_OK(topkloss_cuda_devices(&count));
  CHECK(count == 2, "%d", count);
}

static void driver_that_fails(const cuda_call *call) {
  const uint64_t before = fake_counts().launches;
  fake_cuda_set_faults("no-context");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "cuDevicePrimaryCtxRetain failed with error 2");
  fake_cuda_set_faults("module");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "cuModuleLoadData failed with error 218");
  CHECK_REFUSED(topkloss_cuda_prepare(call->loss, 0), TOPKLOSS_ERROR_DEVICE, "cuModuleLoadData");
  fake_cuda_set_faults("function");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "cuModuleGetFunction failed with error 500");
  CHECK_REFUSED(topkloss_cuda_prepare(call->loss, 0), TOPKLOSS_ERROR_DEVICE, "cuModuleGetFunction");
  fake_cuda_set_faults("launch");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "cuLaunchKernel failed with error 719");
  CHECK(fake_counts().launches == before, "a kernel has run");
  CHECK(fake_counts().depth == 0, "a context is left");
  fake_cuda_set_faults(NULL);
}

/* On a device where nothing has been loaded yet. */
static void capture(const cuda_call *call, int device) {
  fake_cuda_set_capturing(1);
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "topkloss_cuda_prepare");
  fake_cuda_set_capturing(0);
  CHECK_OK(topkloss_cuda_prepare(call->loss, device));
  const FakeCounts before = fake_counts();
  fake_cuda_set_capturing(1);
  CHECK_OK(evaluate_call(call));
  CHECK_OK(topkloss_cuda_prepare(call->loss, device));
  fake_cuda_set_capturing(0);
  CHECK(fake_counts().modules == before.modules, "a module is loaded though the loss was prepared");
  CHECK(fake_counts().synchronizations == before.synchronizations, "something is waited for");
  check_call(call);
}

/* The host's own context stays the current one, whichever device a call is for. */
static void current_context(const cuda_call *call, int other) {
  void *context = NULL, *popped = NULL;
  CHECK(cuDevicePrimaryCtxRetain(&context, other) == 0 && cuCtxPushCurrent_v2(context) == 0, "%d", other);
  CHECK_OK(evaluate_call(call));
  CHECK(fake_counts().depth == 1, "%llu contexts", (unsigned long long)fake_counts().depth);
  cuCtxPopCurrent_v2(&popped);
  CHECK(popped == context, "another context");
  check_call(call);
}

enum { THREADS = 8 };
static pthread_barrier_t barrier;

/* The first calls of all, from several threads at once, on both devices. */
static void *evaluate_first(void *call) {
  pthread_barrier_wait(&barrier);
  CHECK_OK(evaluate_call(call));
  return NULL;
}

static void threads(void) {
  pthread_t ids[THREADS];
  cuda_call calls[THREADS];
  for (int i = 0; i < THREADS; i++) calls[i] = good_call(i % 2);
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&ids[i], NULL, evaluate_first, &calls[i]) != 0) exit(2);
  for (int i = 0; i < THREADS; i++) pthread_join(ids[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    check_call(&calls[i]);
    CHECK(memcmp(calls[i].result.gradient, calls[0].result.gradient, CUDA_ROWS * CUDA_CLASSES * sizeof(float)) == 0, "%d", i);
  }
}

/* A real driver refuses a child everything; this one does not, and a lock that nobody holds any more would show. */
static void child(const cuda_call *call) {
  const pid_t process = fork();
  if (process == 0) {
    alarm(PATIENCE);
    CHECK_OK(evaluate_call(call));
    check_call(call);
    _exit(check_summary());
  }
  int status = -1;
  waitpid(process, &status, 0);
  CHECK(status == 0, "the child ends with %x", (unsigned)status);
}

/* Until this path has met hardware, it is computed on a device only where the environment says so. */
static void not_enabled(const cuda_call *call) {
  static const char *const values[] = {"", "0", "true", "11"};
  int32_t count = -7;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    setenv("TOPKLOSS_CUDA", values[i], 1);
    CHECK_REFUSED(topkloss_cuda_devices(&count), TOPKLOSS_ERROR_DEVICE, "TOPKLOSS_CUDA=1");
    CHECK_REFUSED(topkloss_cuda_prepare(call->loss, 0), TOPKLOSS_ERROR_DEVICE, "TOPKLOSS_CUDA=1");
    CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "TOPKLOSS_CUDA=1");
  }
  unsetenv("TOPKLOSS_CUDA");
  CHECK_REFUSED(evaluate_call(call), TOPKLOSS_ERROR_DEVICE, "TOPKLOSS_CUDA=1");
  setenv("TOPKLOSS_CUDA", "1", 1);
}

/* One of: failures, threads, child. The last two begin where nothing has been called. */
int main(int count, char **arguments) {
  alarm(6 * PATIENCE);
  if (count != 2) return 2;
  if (strcmp(arguments[1], "threads") == 0) {
    threads();
    return check_summary();
  }
  const cuda_call call = good_call(0), other = good_call(1);
  if (strcmp(arguments[1], "child") == 0) {
    child(&call);
    CHECK_OK(evaluate_call(&call));
    child(&call);
    return check_summary();
  }
  not_enabled(&call);
  driver_that_is_none(&call);
  driver_that_fails(&call);
  CHECK_OK(evaluate_call(&call));
  check_call(&call);
  cuda_call mixed = call;
  mixed.launch.workspace = other.launch.workspace;
  CHECK_REFUSED(evaluate_call(&mixed), TOPKLOSS_ERROR_DEVICE, "launch.workspace is on another device");
  capture(&other, 1);
  current_context(&call, 1);
  current_context(&other, 0);
  return check_summary();
}

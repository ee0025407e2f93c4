/*
 * Under a policy that ends a process for opening a file, or for looking one up, a host that has loaded the library uses it
 * for the first time, on its first thread, which has OpenMP's, and on another.
 *
 * Fails without: files left alone after loading (at first use the library once asked /proc/self/stat, for OpenMP).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "children.h"
#include "every_function.h"

enum { ROWS = 3000, CLASSES = 40 };

static const int forbidden[] = {
#ifdef SYS_open
    SYS_open,     SYS_stat,    SYS_lstat,    SYS_access, SYS_readlink,
#endif
#ifdef SYS_openat2
    SYS_openat2,
#endif
    SYS_openat,   SYS_execve,  SYS_faccessat, SYS_socket, SYS_connect, SYS_readlinkat,
    SYS_newfstatat, SYS_statx};

enum { FORBIDDEN = sizeof forbidden / sizeof forbidden[0] };

static void allow_no_files(void) {
  struct sock_filter filter[2 + 2 * FORBIDDEN];
  struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  int length = 0;
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 0; i < FORBIDDEN; i++) {
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)forbidden[i], 0, 1);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  }
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no policy may be set");
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "no policy");
}

/* LLVM's OpenMP reads files at its own first use, and so again in a child, whoever asks: a host that forbids it comes first. */
static void use_llvm_openmp(void) {
#ifdef _OPENMP
  if (dlsym(RTLD_DEFAULT, "__kmpc_fork_call") == NULL) return;
#pragma omp parallel
  CHECK(omp_get_num_threads() > 0, "no team");
#endif
}

static caller own;
static answer *expected;

static void find_answers(void *unused) {
  (void)unused;
  call_all(&own, expected);
}

static void *use(void *when) {
  topkloss_loss *loss;
  CHECK(topkloss_get_num_threads() > 0 && topkloss_simd()[0] != '\0', "no threads");
  expect_all(&own, expected, when);
  CHECK_OK(topkloss_set_num_threads(3));
  expect_all(&own, expected, when);
  CHECK_OK(create_loss(0, CLASSES, own.work.counts, TOPKLOSS_MEAN, &loss));
  topkloss_loss_destroy(loss);
  topkloss_trim();
  return NULL;
}

static void use_on_first_thread(void *when) {
  use_llvm_openmp();
  allow_no_files();
  use(when);
}

static void use_on_another(void *when) {
  pthread_t thread;
  use_llvm_openmp();
  allow_no_files();
  CHECK(pthread_create(&thread, NULL, use, when) == 0, "no thread");
  pthread_join(thread, NULL);
}

static void open_a_file(void *unused) {
  FILE *file;
  allow_no_files();
  file = fopen("/dev/null", "r");
  (void)unused;
  CHECK(file == NULL, "a file was opened");
}

int main(void) {
  char first[] = "on the first thread", another[] = "on another thread";
  int status;
  expected = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  /* glibc itself looks at a file where it makes an arena smaller. */
  mallopt(M_ARENA_MAX, 1);
  in_child(find_answers, NULL, "without a policy");
  status = status_of_child(open_a_file, NULL);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "the policy lets files be opened: %x", status);
  in_child(use_on_another, another, another);
#ifdef _OPENMP
  omp_set_num_threads(2);
#endif
  /* Not in a child, where OpenMP's threads are not borrowed. */
  use_on_first_thread(first);
  /* Not by way of what others do at the end of a process. */
  _exit(check_summary());
}

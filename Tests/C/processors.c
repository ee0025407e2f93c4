/*
 * Where the system has more processors than fit into a cpu_set_t, 1024, those that this process may run on are counted
 * none the less: seven, far up, and then two thousand, of which a call uses as many as it may. This program answers in
 * the system's place, however it is asked, and as it would: EINVAL for a set that is too small.
 *
 * Fails without: a set larger than glibc's type for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "children.h"

enum { PROCESSORS = 4096 };

typedef struct {
  int first;
  int count;
  int expected;
} processors;

static processors allowed;

/* Comes before the C library's own, also for the library: no control group may grant less, as one around this test might. */
int open(const char *path, int flags, ...) {
  (void)path, (void)flags;
  errno = ENOENT;
  return -1;
}

#if defined(__x86_64__)
#define ANSWER(context) ((context)->uc_mcontext.gregs[REG_RAX])
#define BYTES_ASKED(context) ((size_t)(context)->uc_mcontext.gregs[REG_RSI])
#define SET_ASKED(context) ((unsigned char *)(context)->uc_mcontext.gregs[REG_RDX])
#elif defined(__aarch64__)
#define ANSWER(context) ((context)->uc_mcontext.regs[0])
#define BYTES_ASKED(context) ((size_t)(context)->uc_mcontext.regs[1])
#define SET_ASKED(context) ((unsigned char *)(context)->uc_mcontext.regs[2])
#endif

#if defined(ANSWER)
/* In the place of sched_getaffinity, the system call. */
static void answer_for_system(int number, siginfo_t *information, void *interrupted) {
  ucontext_t *const context = interrupted;
  (void)number, (void)information;
  if (BYTES_ASKED(context) < PROCESSORS / 8) {
    ANSWER(context) = (__typeof__(ANSWER(context)))(-EINVAL);
    return;
  }
  memset(SET_ASKED(context), 0, PROCESSORS / 8);
  for (int i = allowed.first; i < allowed.first + allowed.count; i++)
    SET_ASKED(context)[i / 8] = (unsigned char)(SET_ASKED(context)[i / 8] | 1 << i % 8);
  ANSWER(context) = PROCESSORS / 8;
}

static void count_processors(void *unused) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getaffinity, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  struct sigaction action;
  (void)unused;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = answer_for_system;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSYS, &action, NULL) == 0, "no handler");
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
        "no policy");
  CHECK(topkloss_get_num_threads() == allowed.expected, "%d, not %d", topkloss_get_num_threads(), allowed.expected);
}
#endif

int main(void) {
#if defined(ANSWER)
  static const processors cases[] = {{3000, 7, 7}, {100, 2000, 1024}, {0, 1, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    allowed = cases[i];
    in_child(count_processors, NULL, "many processors");
  }
#endif
  return check_summary();
}

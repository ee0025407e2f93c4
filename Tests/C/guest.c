/*
 * What a host must not notice of its guest: threads at load, output, signal handlers, the rounding mode, the floating-
 * point control bits, the working folder, dlerror; and that the library can be unloaded in any state.
 *
 * Usage: guest PATH-OF-LIBRARY
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fenv.h>
#include <signal.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* First the pointers, then those who call through them. */
#include "loaded.h"

#include "every_loss.h"

enum { ROWS = 4000, CLASSES = 60 };

static workload work;

static int thread_count(void) {
  int count = 0;
  DIR *const folder = opendir("/proc/self/task");
  if (folder == NULL) return -1;
  while (1) {
    const struct dirent *const entry = readdir(folder);
    if (entry == NULL) break;
    count += entry->d_name[0] != '.';
  }
  closedir(folder);
  return count;
}

/* The value of every loss, and a piece of its gradient, for comparisons bit for bit. */
typedef struct {
  double values[LOSS_KINDS];
  float gradients[LOSS_KINDS];
} outcome;

static void evaluate_one(int kind, outcome *found) {
  topkloss_loss *loss = NULL;
  CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
  work.batch.rows = ROWS / loss_kinds[kind].cost;
  CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
  found->values[kind] = work.result.value;
  found->gradients[kind] = work.gradient[work.batch.rows * CLASSES - 1];
  /* Errors too must be silent. */
  CHECK(topkloss_evaluate(loss, NULL, NULL) != TOPKLOSS_OK, "no error");
  topkloss_loss_destroy(loss);
}

static outcome evaluate_all(void) {
  outcome found;
  memset(&found, 0, sizeof found);
  for (int kind = 0; kind < LOSS_KINDS; kind++) evaluate_one(kind, &found);
  return found;
}

static int is_same(const outcome *before) {
  const outcome now = evaluate_all();
  return memcmp(before, &now, sizeof now) == 0;
}

typedef struct {
  struct sigaction actions[32];
  sigset_t mask;
  char folder[4096];
} surroundings;

static void look_around(surroundings *seen) {
  memset(seen, 0, sizeof *seen);
  for (int number = 1; number < 32; number++) sigaction(number, NULL, &seen->actions[number]);
  pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
  if (getcwd(seen->folder, sizeof seen->folder) == NULL) seen->folder[0] = '?';
}

static void expect_the_same(const surroundings *before, const char *when) {
  surroundings now;
  look_around(&now);
  for (int number = 1; number < 32; number++)
    CHECK(before->actions[number].sa_handler == now.actions[number].sa_handler, "signal %d %s",
          number, when);
  CHECK(memcmp(&before->mask, &now.mask, sizeof now.mask) == 0, "signal mask %s", when);
  CHECK(strcmp(before->folder, now.folder) == 0, "working folder %s", when);
}

/* In every rounding mode, which the host may have chosen for itself, it is still chosen afterwards. */
static void rounding(void) {
  const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  outcome ignored;
  for (int kind = 0; kind < LOSS_KINDS; kind++) {
    for (int i = 0; i < 4; i++) {
      CHECK(fesetround(modes[i]) == 0, "mode %d", modes[i]);
      evaluate_one(kind, &ignored);
      CHECK(fegetround() == modes[i], "%s: mode %d became %d", loss_kinds[kind].name, modes[i], fegetround());
    }
    fesetround(FE_TONEAREST);
#if defined(__x86_64__)
    /* Denormals flushed to zero, as many numerical hosts have it. The lowest six bits are flags, not controls. */
    {
      const unsigned control = _mm_getcsr();
      _mm_setcsr(control | 0x8040u);
      evaluate_one(kind, &ignored);
      CHECK((_mm_getcsr() & ~0x3Fu) == ((control | 0x8040u) & ~0x3Fu), "%s: %x became %x",
            loss_kinds[kind].name, control, _mm_getcsr());
      _mm_setcsr(control);
    }
#endif
  }
}

/* The result without threads of the library's own. */
static void one_thread(void) {
  topkloss_set_num_threads(1);
  evaluate_all();
  CHECK(thread_count() == 1, "%d threads where one was allowed", thread_count());
}

int main(int count, char **arguments) {
  surroundings before;
  void *library;
  outcome single;
  CHECK(count == 2, "usage: guest PATH-OF-LIBRARY");
  if (count != 2) return check_summary();
  look_around(&before);
  library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL, "%s", dlerror());
  if (library == NULL) return check_summary();
  CHECK(thread_count() == 1, "%d threads after loading", thread_count());
  expect_the_same(&before, "after loading");

  load_functions(library);
  workload_init(&work, ROWS, CLASSES);
  one_thread();
  single = evaluate_all();
  expect_the_same(&before, "after evaluating");

  topkloss_set_num_threads(4);
  (void)dlerror();
  CHECK(is_same(&single), "threads show");
  CHECK(thread_count() <= 4, "%d threads where four were allowed", thread_count());
  expect_the_same(&before, "after using threads");
  /* What the library looks up in the process must not be the host's next dlerror. */
  {
    const char *const error = dlerror();
    CHECK(error == NULL, "dlerror says %s", error);
  }
  rounding();

  /* Threads wait inside the library: it must stay, whatever the host believes to have unloaded. */
  CHECK(dlclose(library) == 0, "%s", dlerror());
  usleep(10000);
  library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL, "%s", dlerror());
  load_functions(library);
  CHECK(is_same(&single), "other after reloading");
  dlclose(library);
  workload_free(&work);
  return check_summary();
}

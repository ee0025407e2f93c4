/*
 * What a host must not notice of its guest: threads at load, output, signal handlers, the rounding mode, the floating-
 * point control bits, the working folder, dlerror; and that the library can be unloaded in any state.
 *
 * Usage: guest PATH-OF-LIBRARY
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "check.h"

enum { ROWS = 4000, CLASSES = 60 };

static float logits[ROWS * CLASSES];
static float gradient[ROWS * CLASSES];
static int64_t labels[ROWS];

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

/* A function of the library, without the conversion from an object's address that ISO C forbids. */
#define LOOK_UP(library, function)                                     \
  do {                                                                 \
    void *const symbol = dlsym(library, "topkloss_" #function);        \
    CHECK(symbol != NULL, "no topkloss_" #function);                   \
    if (symbol == NULL) exit(check_summary());                         \
    memcpy(&function, &symbol, sizeof symbol);                         \
  } while (0)

static topkloss_status (*batch_init)(topkloss_batch *, size_t);
static topkloss_status (*result_init)(topkloss_result *, size_t);
static topkloss_status (*cross_entropy_create)(const topkloss_cross_entropy_options *,
                                               topkloss_loss **);
static topkloss_status (*evaluate)(const topkloss_loss *, const topkloss_batch *,
                                   topkloss_result *);
static void (*loss_destroy)(topkloss_loss *);
static topkloss_status (*set_num_threads)(int32_t);

static double cross_entropy(void) {
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  batch_init(&batch, sizeof batch);
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = labels;
  result_init(&result, sizeof result);
  result.gradient = gradient;
  CHECK(cross_entropy_create(NULL, &loss) == TOPKLOSS_OK, "no loss");
  CHECK(evaluate(loss, &batch, &result) == TOPKLOSS_OK, "no value");
  /* Errors too must be silent. */
  CHECK(evaluate(loss, NULL, NULL) != TOPKLOSS_OK, "no error");
  loss_destroy(loss);
  return result.value;
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
  for (int i = 0; i < 4; i++) {
    CHECK(fesetround(modes[i]) == 0, "mode %d", modes[i]);
    cross_entropy();
    CHECK(fegetround() == modes[i], "mode %d became %d", modes[i], fegetround());
  }
  fesetround(FE_TONEAREST);
#if defined(__x86_64__)
  /* Denormals flushed to zero, as many numerical hosts have it. The lowest six bits are flags, not controls. */
  {
    const unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x8040u);
    cross_entropy();
    CHECK((_mm_getcsr() & ~0x3Fu) == ((control | 0x8040u) & ~0x3Fu), "%x became %x", control,
          _mm_getcsr());
    _mm_setcsr(control);
  }
#endif
}

/* The result without threads of the library's own. */
static void one_thread(void) {
  set_num_threads(1);
  cross_entropy();
  CHECK(thread_count() == 1, "%d threads where one was allowed", thread_count());
}

int main(int count, char **arguments) {
  surroundings before;
  void *library;
  double single;
  uint64_t state = 1;
  CHECK(count == 2, "usage: guest PATH-OF-LIBRARY");
  if (count != 2) return check_summary();
  for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)random_within(&state, 3.0);
  for (int i = 0; i < ROWS; i++) labels[i] = random_below(&state, CLASSES);

  look_around(&before);
  library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL, "%s", dlerror());
  if (library == NULL) return check_summary();
  CHECK(thread_count() == 1, "%d threads after loading", thread_count());
  expect_the_same(&before, "after loading");

  LOOK_UP(library, batch_init);
  LOOK_UP(library, result_init);
  LOOK_UP(library, cross_entropy_create);
  LOOK_UP(library, evaluate);
  LOOK_UP(library, loss_destroy);
  LOOK_UP(library, set_num_threads);
  one_thread();
  single = cross_entropy();
  expect_the_same(&before, "after evaluating");

  set_num_threads(4);
  (void)dlerror();
  CHECK(memcmp(&single, &(double){cross_entropy()}, sizeof single) == 0, "threads show");
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
  CHECK(memcmp(&single, &(double){cross_entropy()}, sizeof single) == 0, "other after reloading");
  dlclose(library);
  return check_summary();
}

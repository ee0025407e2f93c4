/*
 * The library several times in one process, as two packages bring it: copies of the file, the first of them among the
 * global symbols, called at once on threads of their own, also in the child of a fork. Neither knows of the other's
 * numbers of threads, messages or handles. And one of them loaded and unloaded many times: nothing is left of that.
 *
 * Usage: copies LIBRARY COPY
 *
 * Fails without: the file kept loaded (threads wait in its code). With every symbol exported it passes too: that none is but
 * the interface's is seen in Tests/C/run.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

#include "children.h"
#include "surroundings.h"

enum { ROWS = 3000, CLASSES = 50, CALLS = 200, RELOADS = 300 };

static float logits[ROWS * CLASSES];
static int64_t labels[ROWS];

typedef struct {
  void *file;
  topkloss_loss *loss;
  double value;
  int32_t threads;
  __typeof__(topkloss_batch_init) *batch_init;
  __typeof__(topkloss_result_init) *result_init;
  __typeof__(topkloss_cross_entropy_create) *create;
  __typeof__(topkloss_evaluate) *evaluate;
  __typeof__(topkloss_loss_destroy) *destroy;
  __typeof__(topkloss_set_num_threads) *set_num_threads;
  __typeof__(topkloss_get_num_threads) *get_num_threads;
  __typeof__(topkloss_last_error) *last_error;
} copy;

static void look_up(void *file, const char *name, void *function) {
  void *const symbol = dlsym(file, name);
  CHECK(symbol != NULL, "no %s", name);
  memcpy(function, &symbol, sizeof symbol);
}

static void load(copy *own, const char *path, int visibility) {
  own->file = dlopen(path, RTLD_NOW | visibility);
  if (own->file == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    _exit(1);
  }
  look_up(own->file, "topkloss_batch_init", &own->batch_init);
  look_up(own->file, "topkloss_result_init", &own->result_init);
  look_up(own->file, "topkloss_cross_entropy_create", &own->create);
  look_up(own->file, "topkloss_evaluate", &own->evaluate);
  look_up(own->file, "topkloss_loss_destroy", &own->destroy);
  look_up(own->file, "topkloss_set_num_threads", &own->set_num_threads);
  look_up(own->file, "topkloss_get_num_threads", &own->get_num_threads);
  look_up(own->file, "topkloss_last_error", &own->last_error);
}

static double evaluate(copy *own) {
  topkloss_batch batch;
  topkloss_result result;
  own->batch_init(&batch, sizeof batch);
  own->result_init(&result, sizeof result);
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = labels;
  CHECK(own->evaluate(own->loss, &batch, &result) == TOPKLOSS_OK, "%s", own->last_error());
  return result.value;
}

static void *keep_evaluating(void *context) {
  copy *const own = context;
  for (int i = 0; i < CALLS; i++) CHECK(evaluate(own) == own->value, "another value");
  return NULL;
}

static void together(void *context) {
  copy *const copies = context;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, keep_evaluating, &copies[i]) == 0, "no thread");
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK(has_threads(copies[0].threads + copies[1].threads - 1), "%d threads", thread_count());
}

static void are_apart(copy *copies) {
  for (int i = 0; i < 2; i++) {
    copies[i].threads = 2 + 2 * i;
    CHECK(copies[i].set_num_threads(copies[i].threads) == TOPKLOSS_OK, "no threads");
    CHECK(copies[i].create(NULL, &copies[i].loss) == TOPKLOSS_OK, "no loss");
    copies[i].value = evaluate(&copies[i]);
  }
  CHECK(copies[0].evaluate != copies[1].evaluate, "only one copy");
  CHECK(copies[0].value == copies[1].value, "another value");
  CHECK(copies[0].get_num_threads() == 2 && copies[1].get_num_threads() == 4, "numbers of threads are shared");
  copies[0].evaluate(NULL, NULL, NULL);
  CHECK(copies[0].last_error()[0] != '\0' && copies[1].last_error()[0] == '\0', "messages are shared");
}

/* Lines of /proc/self/maps: what was loaded and stayed. */
static int count_maps(void) {
  int count = 0;
  FILE *const maps = fopen("/proc/self/maps", "r");
  for (int byte = maps == NULL ? EOF : fgetc(maps); byte != EOF; byte = fgetc(maps)) count += byte == '\n';
  if (maps != NULL) fclose(maps);
  return count;
}

static void reload(const char *path) {
  copy again;
  topkloss_loss *loss = NULL;
  int maps, threads;
  memset(&again, 0, sizeof again);
  load(&again, path, RTLD_LOCAL);
  CHECK(again.create(NULL, &loss) == TOPKLOSS_OK, "no loss");
  again.loss = loss;
  again.value = evaluate(&again);
  maps = count_maps();
  threads = thread_count();
  for (int i = 0; i < RELOADS; i++) {
    CHECK(dlclose(again.file) == 0, "%s", dlerror());
    load(&again, path, RTLD_LOCAL);
    /* What was made before it was unloaded works, for it never was. */
    CHECK(evaluate(&again) == again.value, "another value");
  }
  CHECK(count_maps() <= maps + 2, "%d pieces of memory, and %d before", count_maps(), maps);
  CHECK(thread_count() == threads, "%d threads, and %d before", thread_count(), threads);
  again.destroy(loss);
}

int main(int count, char **arguments) {
  copy copies[2];
  uint64_t state = 7;
  if (count != 3) return 2;
  alarm(2 * PATIENCE);
  memset(copies, 0, sizeof copies);
  for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)random_within(&state, 3.0);
  for (int i = 0; i < ROWS; i++) labels[i] = random_below(&state, CLASSES);
  load(&copies[0], arguments[1], RTLD_GLOBAL);
  load(&copies[1], arguments[2], RTLD_LOCAL);
  are_apart(copies);
  together(copies);
  in_child(together, copies, "a child");
  CHECK(dlclose(copies[1].file) == 0, "%s", dlerror());
  reload(arguments[2]);
  return failed_checks == 0 ? 0 : 1;
}

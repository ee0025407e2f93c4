/*
 * A long life: losses created, evaluated and destroyed, and every other function called, from eight threads at once, half of
 * which come and go, while another forks, changes the number of threads and trims memory. Every answer is the one that was
 * found at the start, bit for bit; and when all rest, there are as many allocations, bytes, descriptors and threads as after
 * the first tenth, and but for stacks and holes (256 kB of pages) as much memory is resident.
 *
 * Usage: soak [CALLS [report]], CALLS of losses in all
 *
 * Fails without: any release of what a call, a handle or a thread that ends has taken.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "children.h"
#include "every_function.h"
#include "interpose.h"

enum { LANES = 8, PHASES = 10, BLOCK = 400, SMALL_ROWS = 5, LARGE_ROWS = 1500, CLASSES = 12, STACK = 1 << 18, MOST_PAGES = 64 };

static answer small_answers[MOST_FUNCTIONS], large_answers[MOST_FUNCTIONS];
static long calls_a_phase;
static atomic_long wrong, losses_called, others_called, large_called, executed;
static atomic_int working;
static pthread_barrier_t all_alive, resting;
static pthread_attr_t attributes;

/* ---- what eight threads do */

typedef struct {
  caller small, large;
  uint64_t state;
  long left;
  int is_first_block;
} lane;

/* A host's executor, which runs tasks in its own order. */
static void run_backwards(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = count - 1; index >= 0; index--) task(task_context, index);
  atomic_fetch_add(&executed, count);
}

static void compare(int which, caller *own, const answer *answers) {
  const answer found = call_function(which, own);
  if (is_same_answer(found, answers[which])) return;
  atomic_fetch_add(&wrong, 1);
  fprintf(stderr, "%s: %s, %llx\n", function_name(which), topkloss_status_name(found.status),
          (unsigned long long)found.fingerprint);
}

/* What no answer depends on. */
static void ask(void) {
  topkloss_batch batch;
  topkloss_result result;
  if (topkloss_batch_init(&batch, sizeof batch) != TOPKLOSS_OK ||
      topkloss_result_init(&result, sizeof result) != TOPKLOSS_OK || batch.rows != 0 || result.value != 0.0 ||
      topkloss_version()[0] == '\0' || topkloss_simd()[0] == '\0' || topkloss_abi_version() != TOPKLOSS_ABI_VERSION ||
      topkloss_get_num_threads() < 1 || topkloss_last_error() == NULL)
    atomic_fetch_add(&wrong, 1);
}

static void call_once(lane *own) {
  topkloss_executor executor;
  const int is_large = random_below(&own->state, 200) == 0;
  const int is_loss = random_below(&own->state, 8) > 0;
  const int which = is_loss ? (int)random_below(&own->state, loss_kind_count)
                            : loss_kind_count + (int)random_below(&own->state, function_count() - loss_kind_count);
  caller *const used = is_large ? &own->large : &own->small;
  topkloss_executor_init(&executor, sizeof executor);
  executor.parallel_for = run_backwards;
  executor.concurrency = 3;
  used->work.batch.executor = random_below(&own->state, 4) == 0 ? &executor : NULL;
  used->work.batch.rows = is_large ? (is_loss ? LARGE_ROWS / loss_kinds[which].cost : LARGE_ROWS) : SMALL_ROWS;
  compare(which, used, is_large ? large_answers : small_answers);
  ask();
  own->left -= is_loss;
  atomic_fetch_add(is_loss ? &losses_called : &others_called, 1);
  atomic_fetch_add(&large_called, is_large);
}

static void *call_block(void *context) {
  lane *const own = context;
  call_once(own);
  if (own->is_first_block) pthread_barrier_wait(&all_alive);
  own->is_first_block = 0;
  for (int i = 0; i < BLOCK && own->left > 0; i++) call_once(own);
  return NULL;
}

/* One of the eight; or what starts one after another in its place. */
static void *live(void *context) {
  lane *const own = context;
  const int comes_and_goes = own->state % 2 == 0;
  for (int phase = 0; phase < PHASES; phase++) {
    own->left = calls_a_phase / LANES;
    own->is_first_block = 1;
    while (own->left > 0) {
      pthread_t thread;
      if (!comes_and_goes) {
        call_block(own);
      } else if (pthread_create(&thread, &attributes, call_block, own) == 0) {
        pthread_join(thread, NULL);
      } else {
        atomic_fetch_add(&wrong, 1);
      }
    }
    atomic_fetch_sub(&working, 1);
    pthread_barrier_wait(&resting);
    pthread_barrier_wait(&resting);
  }
  return NULL;
}

/* ---- what the first thread does meanwhile */

static void live_as_child(void *context) {
  caller *const own = context;
  for (int which = 0; which < function_count(); which += 5) {
    own->work.batch.rows = SMALL_ROWS;
    compare(which, own, small_answers);
  }
  failed_checks += (int)atomic_load(&wrong);
}

static int disturb(lane *own) {
  int forks = 0;
  for (int i = 0; atomic_load(&working) > 0; i++) {
    topkloss_set_num_threads(1 + i % 4);
    if (i % 7 == 0) topkloss_trim();
    if (i % 16 == 0) {
      in_child(live_as_child, &own->small, "a child");
      forks++;
    }
    usleep(500);
  }
  return forks;
}

/* ---- what must not grow */

typedef struct {
  long allocations, bytes, descriptors, threads, pages;
} taken;

static long count_entries(const char *path) {
  long count = 0;
  DIR *const folder = opendir(path);
  if (folder == NULL) return -1;
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static taken measure(long threads_expected) {
  taken now = {0, 0, 0, 0, 0};
  FILE *file;
  topkloss_trim();
  malloc_trim(0);
  now.allocations = live_allocations();
  now.bytes = live_bytes();
  now.descriptors = count_entries("/proc/self/fd");
  /* One that has been joined is seen for a moment still. */
  for (int i = 0; i < 1000 && (now.threads = count_entries("/proc/self/task")) != threads_expected; i++) usleep(1000);
  file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &now.pages) != 1) now.pages = -1;
  if (file != NULL) fclose(file);
  return now;
}

static void compare_with_first(const taken *first, const taken *now, int phase, int reports) {
  CHECK(now->allocations == first->allocations && now->bytes == first->bytes, "phase %d: %ld allocations, %ld bytes more",
        phase, now->allocations - first->allocations, now->bytes - first->bytes);
  CHECK(now->descriptors == first->descriptors, "phase %d: %ld descriptors more", phase,
        now->descriptors - first->descriptors);
  CHECK(now->threads == first->threads, "phase %d: %ld threads more", phase, now->threads - first->threads);
  /* Under a sanitizer nothing is counted, and more is resident. */
  CHECK(first->allocations == 0 || now->pages <= first->pages + MOST_PAGES, "phase %d: %ld pages more", phase, now->pages - first->pages);
  if (reports)
    printf("%d%%: %ld allocations of %ld bytes, %ld descriptors, %ld threads, %ld kB resident\n", 100 * phase / PHASES,
           now->allocations, now->bytes, now->descriptors, now->threads, now->pages * sysconf(_SC_PAGESIZE) / 1024);
}

static void prepare(lane *own, int number) {
  memset(own, 0, sizeof *own);
  own->state = (uint64_t)number;
  caller_init(&own->small, SMALL_ROWS, CLASSES);
  caller_init(&own->large, LARGE_ROWS, CLASSES);
}

/* On as many threads as there will ever be, so that all have been started, and in all memory that will ever be used. */
static void find_answers(lane *own) {
  call_all(&own->small, small_answers);
  for (int which = 0; which < function_count(); which++) {
    own->large.work.batch.rows = which < loss_kind_count ? LARGE_ROWS / loss_kinds[which].cost : LARGE_ROWS;
    large_answers[which] = call_function(which, &own->large);
  }
}

int main(int count, char **arguments) {
  const long calls = count > 1 ? atol(arguments[1]) : 1000000;
  const int reports = count > 2;
  const time_t start = time(NULL);
  int forks = 0;
  lane lanes[LANES + 1];
  pthread_t threads[LANES];
  taken first = {0, 0, 0, 0, 0};
  /* Of no memory from the heap, which is counted. */
  setvbuf(stdout, NULL, _IONBF, 0);
  /* What is resident is then what is alive, and not what glibc keeps of what was. */
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  mallopt(M_TRIM_THRESHOLD, 1 << 16);
  mallopt(M_ARENA_MAX, 1);
  make_loss_kinds();
  calls_a_phase = calls / PHASES;
  CHECK_OK(topkloss_set_num_threads(4));
  for (int i = 0; i <= LANES; i++) {
    prepare(&lanes[i], i);
    find_answers(&lanes[i]);
  }
  pthread_barrier_init(&all_alive, NULL, LANES);
  pthread_barrier_init(&resting, NULL, LANES + 1);
  pthread_attr_init(&attributes);
  /* So small that glibc keeps those of all threads that ended. */
  pthread_attr_setstacksize(&attributes, STACK);
  atomic_store(&working, LANES);
  for (int i = 0; i < LANES; i++)
    CHECK(pthread_create(&threads[i], &attributes, live, &lanes[i]) == 0, "no thread");
  for (int phase = 1; phase <= PHASES; phase++) {
    taken now;
    forks += disturb(&lanes[LANES]);
    pthread_barrier_wait(&resting);
    now = measure(first.threads);
    if (phase == 1) first = now;
    compare_with_first(&first, &now, phase, reports);
    atomic_store(&working, LANES);
    pthread_barrier_wait(&resting);
  }
  for (int i = 0; i < LANES; i++) pthread_join(threads[i], NULL);
  CHECK(atomic_load(&wrong) == 0, "%ld wrong answers", atomic_load(&wrong));
  CHECK(atomic_load(&executed) > 0 && atomic_load(&large_called) > 0 && forks > 0, "too little was tried");
  if (reports)
    printf("%ld losses and %ld other calls, %ld of them with large batches, %d children, %ld wrong answers: %ld s\n",
           atomic_load(&losses_called), atomic_load(&others_called), atomic_load(&large_called), forks,
           atomic_load(&wrong), (long)(time(NULL) - start));
  return check_summary();
}

/*
 * The child of a process that has used OpenMP, but not yet the library: OpenMP's threads are gone there, and asking for
 * them would wait for ever.
 */
#define _POSIX_C_SOURCE 200809L
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "every_loss.h"

enum { ROWS = 4000, CLASSES = 60 };

int main(void) {
  int sum = 0;
  int status = -1;
  pid_t process;
  make_loss_kinds();
  omp_set_num_threads(2);
#pragma omp parallel reduction(+ : sum)
  sum += 1;
  CHECK(sum == 2, "a team of %d", sum);
  process = fork();
  if (process == 0) {
    workload work;
    alarm(PATIENCE);
    CHECK_OK(topkloss_set_num_threads(2));
    workload_init(&work, ROWS, CLASSES);
    for (int kind = 0; kind < loss_kind_count; kind++) {
      topkloss_loss *loss = NULL;
      CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
      for (int i = 0; i < 3; i++) CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
      topkloss_loss_destroy(loss);
    }
    _exit(check_summary());
  }
  CHECK(process > 0 && waitpid(process, &status, 0) == process, "no child");
  CHECK(status == 0, "child: %d", status);
  return check_summary();
}

/*
 * Every function, not the losses alone, has the same answer in whatever floating-point environment the host has, on its
 * own thread and the library's, and leaves it as it was: each rounding, subnormal numbers flushed, and every exception
 * ending the process, underflow and rounding itself included.
 *
 * Fails without: an environment of the library's own in each entry point, which its threads are started in.
 */
#define _GNU_SOURCE
#include "children.h"
#include "every_function.h"
#include "floating_point.h"

enum { ROWS = 1500, CLASSES = 20 };

static caller own;
static answer *expected;

static void find_answers(void *unused) {
  (void)unused;
  call_all(&own, expected);
}

/* In the environment that has been set, on one thread and on three, which are started in it. */
static void call_in(const char *name) {
  const unsigned before = control();
  for (int32_t threads = 1; threads <= 3; threads += 2) {
    topkloss_set_num_threads(threads);
    for (int which = 0; which < function_count(); which++) {
      const answer found = call_function(which, &own);
      const unsigned after = control();
      CHECK(is_same_answer(found, expected[which]), "%s, %s: another answer", name, function_name(which));
      CHECK(before == after, "%s, %s: %x became %x", name, function_name(which), before, after);
    }
  }
}

static void with_rounding(void *mode) {
  CHECK(fesetround(*(const int *)mode) == 0, "no such rounding");
  call_in("rounding");
}

static void with_subnormals_flushed(void *unused) {
  const unsigned modes[] = FLUSH_MODES;
  (void)unused;
  set_control(control() | modes[sizeof modes / sizeof *modes - 1]);
  call_in("subnormal numbers flushed");
}

#if defined(__x86_64__)
/* Before the test's own arithmetic, exceptions are masked again. */
static void with_traps(void *unused) {
  const unsigned masked = _mm_getcsr();
  (void)unused;
  topkloss_set_num_threads(3);
  for (int which = 0; which < function_count(); which++) {
    answer found;
    if (which >= loss_kind_count && other_functions[which - loss_kind_count] == sets) continue;
    _mm_setcsr(masked & ~0x1FBFu);
    found = call_function(which, &own);
    CHECK((_mm_getcsr() & 0x1F80u) == 0, "%s: masks %x", function_name(which), _mm_getcsr());
    _mm_setcsr(masked);
    CHECK(is_same_answer(found, expected[which]), "traps, %s: another answer", function_name(which));
  }
}
#endif

int main(void) {
  int modes[] = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  expected = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  in_child(find_answers, NULL, "as it is");
  for (int i = 0; i < 3; i++) in_child(with_rounding, &modes[i], "rounding");
  in_child(with_subnormals_flushed, NULL, "subnormal numbers flushed");
#if defined(__x86_64__)
  in_child(with_traps, NULL, "traps");
#endif
  caller_free(&own);
  return check_summary();
}

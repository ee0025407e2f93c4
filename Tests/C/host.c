/*
 * A host that loads a guest while it runs, as interpreters load an extension, and knows nothing of topkloss.
 *
 * Usage: host GUEST
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "surroundings.h"

typedef int (*call)(void);

static call function(void *guest, const char *name) {
  /* Without the conversion from an object's address to a function's that ISO C forbids. */
  void *const symbol = dlsym(guest, name);
  call found;
  memcpy(&found, &symbol, sizeof found);
  return found;
}

int main(int count, char **arguments) {
  surroundings before;
  void *guest;
  int failed;
  if (count != 2) return 2;
  look_around(&before);
  guest = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (guest == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  failed = differ(&before, "after loading");
  if (thread_count() != 1) failed += fprintf(stderr, "%d threads after loading\n", thread_count());
  failed += function(guest, "evaluate_first")();
  /* Threads wait inside the library: it must stay, whatever the host believes to have unloaded. */
  if (dlclose(guest) != 0) failed += fprintf(stderr, "%s\n", dlerror());
  usleep(10000);
  guest = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  failed += guest == NULL || function(guest, "evaluate_again")();
  return failed != 0;
}

// What the stand-in driver's files share.
#pragma once
#include "fakecuda.h"
#include <pthread.h>
#include <stdbool.h>

enum {
  success = 0, invalidValue = 1, outOfMemory = 2, notInitialized = 3, noDevice = 100, invalidDevice = 101, invalidContext = 201,
  invalidPTX = 218, notFound = 500, outOfResources = 701, launchFailed = 719, captureUnsupported = 900
};
enum { plainShared = 48 << 10, mostShared = 96 << 10 };

typedef struct { int device, retained; } Context;
typedef struct {
  pthread_mutex_t lock;
  FakeCounts counts;
  char faults[200], launchError[1200], mutated[256];
  uint64_t order;
  uint32_t mutation, blocks;
  int capturing;
  bool initialized, failed; // a launch that fails is the end of the context
} Driver;
#define HIDDEN __attribute__((visibility("hidden")))
extern HIDDEN Driver driver;

/// What every function that works on a device starts with.
HIDDEN int begin(void);
/// Whether it is to fail so.
HIDDEN bool fault(const char *name);
HIDDEN Context *current_context(void);

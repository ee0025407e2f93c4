// libcuda.so.1 for tests: devices played by the emulator. Their memory is the processor's, streams are in order as launches
// are over when they return. What a real driver refuses is refused, so far as a mistake of the library could lead to it.
//
//   TOPKLOSS_GPU_CACHE   where modules have been compiled (device.py), by checksum and length of their text
//   FAKE_CUDA_COMPILE    a command that compiles the file it is given, for modules that are not there
//   FAKE_CUDA_FAULTS     of: no-device, old-driver, no-context, module, function, launch, memory; several with commas
//   FAKE_CUDA_DEVICES    how many; 1
//   FAKE_CUDA_ANYWHERE   1: all memory is device 0's, a tensor's of the processor too
//   FAKE_CUDA_ORDER      in which threads run; 3
#define _GNU_SOURCE
#include "fakecuda_state.h"
#include "fakecuda_memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { mostDevices = 8, mostDepth = 64 };
Driver driver = {.lock = PTHREAD_MUTEX_INITIALIZER};
static Context contexts[mostDevices];
static _Thread_local Context *stack[mostDepth];
static _Thread_local uint64_t depth;

int begin(void) { return !driver.initialized ? notInitialized : driver.failed ? launchFailed : !depth ? invalidContext : success; }
Context *current_context(void) { return stack[depth - 1]; }

bool fault(const char *name) {
  const char *at = driver.faults;
  const size_t length = strlen(name);
  while ((at = strstr(at, name)) != NULL) {
    if ((at == driver.faults || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return true;
    at += length;
  }
  return false;
}

static int device_count(void) {
  const char *text = getenv("FAKE_CUDA_DEVICES");
  const int count = text ? atoi(text) : 1;
  return count < mostDevices ? count : mostDevices;
}

// ---- what tests ask

void fake_cuda_counts(FakeCounts *out) { *out = driver.counts; out->depth = depth; }
void fake_cuda_set_order(uint64_t wanted) { driver.order = wanted; }
void fake_cuda_set_mutation(const char *kernel, uint32_t line) {
  driver.mutation = line;
  snprintf(driver.mutated, sizeof driver.mutated, "%s", kernel ? kernel : "");
}
void fake_cuda_set_blocks(uint32_t most) { driver.blocks = most; }
void fake_cuda_set_capturing(int is) { driver.capturing = is; }
void fake_cuda_set_faults(const char *wanted) {
  snprintf(driver.faults, sizeof driver.faults, "%s", wanted ? wanted : "");
  driver.failed = 0;
  driver.launchError[0] = 0;
}
void fake_cuda_reset(void) {
  fake_cuda_set_faults(NULL);
  memory_free_all();
}
const char *fake_cuda_error(void) { return driver.launchError; }

// ---- devices and contexts

int cuInit(unsigned flags) {
  if (flags) return invalidValue;
  if (!driver.initialized) {
    if (getenv("FAKE_CUDA_FAULTS") && !driver.faults[0]) fake_cuda_set_faults(getenv("FAKE_CUDA_FAULTS"));
    const char *text = getenv("FAKE_CUDA_ORDER");
    if (!driver.order) driver.order = text ? strtoull(text, NULL, 10) : 3;
    for (int i = 0; i < mostDevices; i++) contexts[i].device = i;
  }
  if (fault("no-device")) return noDevice;
  driver.initialized = 1;
  return success;
}
int cuDriverGetVersion(int *version) { *version = fault("old-driver") ? 9000 : 12040; return success; }
int cuDeviceGetCount(int *count) { *count = device_count(); return driver.initialized ? success : notInitialized; }
int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return !driver.initialized ? notInitialized : ordinal < 0 || ordinal >= device_count() ? invalidDevice : success;
}
int cuDeviceGetName(char *name, int length, int device) {
  snprintf(name, (size_t)length, "emulated device %d", device);
  return driver.initialized ? success : notInitialized;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  static const int known[][2] = {{1, 1024}, {8, plainShared}, {10, 32}, {16, 4}, {39, 2048}, {75, 7}, {76, 0}, {81, 98304}, {97, mostShared}};
  if (!driver.initialized) return notInitialized;
  if (device < 0 || device >= device_count()) return invalidDevice;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i][0] == attribute) { *value = known[i][1]; return success; }
  return invalidValue;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  if (!driver.initialized) return notInitialized;
  if (device < 0 || device >= device_count()) return invalidDevice;
  if (fault("no-context")) return outOfMemory;
  __atomic_add_fetch(&contexts[device].retained, 1, __ATOMIC_RELAXED);
  *context = &contexts[device];
  return success;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  if (device < 0 || device >= device_count()) return invalidDevice;
  return __atomic_fetch_sub(&contexts[device].retained, 1, __ATOMIC_RELAXED) > 0 ? success : invalidContext;
}
int cuDevicePrimaryCtxRelease(int device) { return cuDevicePrimaryCtxRelease_v2(device); }
int cuCtxPushCurrent_v2(void *context) {
  const Context *wanted = context;
  if (wanted < contexts || wanted >= contexts + mostDevices || wanted->retained < 1 || depth == mostDepth) return invalidContext;
  stack[depth++] = context;
  return success;
}
int cuCtxPopCurrent_v2(void **context) {
  if (!depth) return invalidContext;
  depth--;
  if (context) *context = stack[depth];
  return success;
}
int cuCtxGetCurrent(void **context) { *context = depth ? stack[depth - 1] : NULL; return success; }
int cuCtxSetCurrent(void *context) {
  if (depth) depth--;
  return context ? cuCtxPushCurrent_v2(context) : success;
}
int cuCtxGetDevice(int *device) {
  if (!depth) return invalidContext;
  *device = stack[depth - 1]->device;
  return success;
}
int cuCtxSynchronize(void) { driver.counts.synchronizations++; return driver.capturing ? captureUnsupported : begin(); }

// ---- streams

int cuStreamCreate(void **stream, unsigned flags) {
  static char streams[64];
  static int next;
  (void)flags;
  *stream = &streams[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % 64];
  return begin();
}
int cuStreamDestroy_v2(void *stream) { (void)stream; return begin(); }
int cuStreamIsCapturing(void *stream, int *status) { (void)stream; *status = driver.capturing; return begin(); }
int cuStreamSynchronize(void *stream) { (void)stream; return cuCtxSynchronize(); }

// ---- memory

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  const int before = begin();
  if (before) return before;
  driver.counts.allocations++;
  if (driver.capturing) return captureUnsupported;
  if (!bytes) return invalidValue;
  if (fault("memory")) return outOfMemory;
  *address = memory_allocate(bytes, stack[depth - 1]->device);
  return *address ? success : outOfMemory;
}
int cuMemFree_v2(uint64_t address) {
  const int before = begin();
  if (before) return before;
  driver.counts.frees++;
  return !address || memory_free(address) ? success : invalidValue;
}
static int copy(uint64_t to, uint64_t from, size_t bytes) {
  const int before = begin();
  if (before) return before;
  driver.counts.copies++;
  memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
  return success;
}
#define WAITING (driver.counts.synchronizations++, driver.capturing)
int cuMemcpyAsync(uint64_t to, uint64_t from, size_t bytes, void *stream) { (void)stream; return copy(to, from, bytes); }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) { return WAITING ? captureUnsupported : copy(to, (uintptr_t)from, n); }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) { return WAITING ? captureUnsupported : copy((uintptr_t)to, from, n); }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, void *stream) { return cuMemcpyAsync(to, (uintptr_t)from, n, stream); }
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *stream) { return cuMemcpyAsync((uintptr_t)to, from, n, stream); }
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, void *stream) { return cuMemcpyAsync(to, from, n, stream); }
int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void *stream) {
  (void)stream;
  for (size_t i = 0; !begin() && i < count; i++) ((uint32_t *)(uintptr_t)to)[i] = value;
  return begin();
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t count, void *stream) {
  (void)stream;
  if (!begin()) memset((void *)(uintptr_t)to, value, count);
  return begin();
}

/// One attribute, of what the library asks: 1 context, 2 type of memory, 9 device.
static int attribute_of(int which, uint64_t address, void *out) {
  const char *anywhere = getenv("FAKE_CUDA_ANYWHERE");
  int device = memory_device(address);
  if (device < 0 && address && anywhere && *anywhere == '1') device = 0;
  if (device < 0) return invalidValue;
  if (which == 1) *(void **)out = &contexts[device];
  else if (which == 2) *(unsigned *)out = 2;
  else if (which == 9) *(int *)out = device;
  else return invalidValue;
  return success;
}
int cuPointerGetAttribute(void *out, int which, uint64_t address) {
  return driver.initialized ? attribute_of(which, address, out) : notInitialized;
}
// As the driver has it: memory that it does not know is no error here, but has type 0 and device -2.
int cuPointerGetAttributes(unsigned count, int *which, void **out, uint64_t address) {
  if (!driver.initialized) return notInitialized;
  for (unsigned i = 0; i < count; i++) {
    if (attribute_of(which[i], address, out[i]) == success) continue;
    if (which[i] == 1) *(void **)out[i] = NULL;
    else if (which[i] == 2) *(unsigned *)out[i] = 0;
    else if (which[i] == 9) *(int *)out[i] = -2;
    else return invalidValue;
  }
  return success;
}

// ---- errors

int cuGetErrorName(int error, const char **name) {
  static _Thread_local char text[40];
  snprintf(text, sizeof text, "CUDA_ERROR_%d", error);
  *name = error ? text : "CUDA_SUCCESS";
  return success;
}
int cuGetErrorString(int error, const char **words) {
  *words = error == success ? "no error" : error == noDevice ? "no CUDA-capable device is detected" :
           error == invalidPTX ? "a PTX JIT compilation driver.failed" : error == launchFailed ? "unspecified launch failure" :
           error == outOfResources ? "too many resources requested for launch" :
           error == outOfMemory ? "out of memory" : error == captureUnsupported ? "operation not permitted when stream is driver.capturing" :
           "invalid argument";
  return success;
}

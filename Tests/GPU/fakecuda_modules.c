// Modules and launches of the stand-in driver.
#define _GNU_SOURCE
#include "emulator.h"
#include "fakecuda_state.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { Context *context; void *library; } Module;
enum { lines = 1 << 16 };
typedef struct Function {
  struct Function *next;
  Module *module;
  const Kernel *kernel;
  uint32_t registers, mostShared;
  uint8_t reached[lines];
} Function;
static Function *functions;

void fake_cuda_reached(const char *kernel, uint8_t *out, uint32_t count) {
  for (const Function *each = functions; each; each = each->next)
    for (uint32_t i = 0; i < count && i < lines && !strcmp(each->kernel->name, kernel); i++) out[i] |= each->reached[i];
}

void fake_cuda_forget(void) {
  for (Function *each = functions; each; each = each->next) memset(each->reached, 0, lines);
}

static uint32_t checksum(const char *text, size_t length) { // as zlib's crc32
  uint32_t sum = ~0u;
  for (size_t i = 0; i < length; i++) {
    sum ^= (uint8_t)text[i];
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (0xedb88320u & -(sum & 1));
  }
  return ~sum;
}

static void *compiled(const char *ptx) {
  const char *folder = getenv("TOPKLOSS_GPU_CACHE"), *command = getenv("FAKE_CUDA_COMPILE");
  char path[4096], words[8300];
  const size_t length = strlen(ptx);
  snprintf(path, sizeof path, "%s/ptx-%08x-%zu.so", folder ? folder : ".build/gpu", checksum(ptx, length), length);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library || !command) return library;
  char text[4096 + 8];
  snprintf(text, sizeof text, "%s.%d.ptx", path, (int)getpid());
  FILE *out = fopen(text, "w");
  if (!out) return NULL;
  fputs(ptx, out);
  fclose(out);
  snprintf(words, sizeof words, "%s %s >&2", command, text);
  const int status = system(words);
  remove(text);
  return status ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  const int before = begin();
  if (before) return before;
  if (driver.capturing) return captureUnsupported;
  Module *loaded = calloc(1, sizeof *loaded);
  if (!loaded) return outOfMemory;
  pthread_mutex_lock(&driver.lock);
  driver.counts.modules++;
  loaded->context = current_context();
  loaded->library = fault("module") ? NULL : compiled(image);
  pthread_mutex_unlock(&driver.lock);
  if (loaded->library) { *module = loaded; return success; }
  for (unsigned i = 0; i < count; i++) // 5: the log of errors, 6: its room
    for (unsigned j = 0; options[i] == 5 && j < count; j++)
      if (options[j] == 6) snprintf(values[i], (size_t)(uintptr_t)values[j], "the emulator has no such module");
  free(loaded);
  return invalidPTX;
}
int cuModuleLoadData(void **module, const void *image) { return cuModuleLoadDataEx(module, image, 0, NULL, NULL); }
int cuModuleUnload(void *module) { free(module); return begin(); }

/// Of a kernel, at the most on any generation, as `registers` beside the modules says: registers.toml.
static uint32_t registers_of(const char *kernel) {
  const char *folder = getenv("TOPKLOSS_GPU_CACHE");
  char path[4096], name[256];
  uint32_t count = 0, found = 0;
  snprintf(path, sizeof path, "%s/registers", folder ? folder : ".build/gpu");
  FILE *in = fopen(path, "r");
  while (in && fscanf(in, "%255s %u", name, &count) == 2)
    if (strcmp(name, kernel) == 0) found = count;
  if (in) fclose(in);
  return found;
}

/// Warps are given registers in eights a thread, and a block has 65,536.
static uint32_t most_threads(const Function *function) {
  const uint32_t each = (function->registers + 7) & ~7u, most = each && !driver.blocks ? 65536 / each / 32 * 32 : 1024;
  return most < function->kernel->maxThreads ? most : function->kernel->maxThreads;
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
  const int before = begin();
  if (before) return before;
  const Kernel *kernel = dlsym(((Module *)module)->library, "emulator_kernels");
  while (kernel && kernel->name && strcmp(kernel->name, name)) kernel++;
  if (!kernel || !kernel->name || fault("function")) return notFound;
  Function *found = calloc(1, sizeof *found);
  if (!found) return outOfMemory;
  found->module = module;
  found->kernel = kernel;
  found->registers = registers_of(name);
  found->mostShared = plainShared;
  pthread_mutex_lock(&driver.lock);
  found->next = functions;
  functions = found;
  pthread_mutex_unlock(&driver.lock);
  *function = found;
  return success;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  if (attribute != 8 || value < 0 || value > mostShared) return invalidValue; // 8: dynamic shared memory
  ((Function *)function)->mostShared = (uint32_t)value;
  return begin();
}
int cuFuncGetAttribute(int *value, int attribute, void *function) {
  const Function *of = function;
  if (attribute == 0) *value = (int)most_threads(of);
  else if (attribute == 1) *value = (int)of->kernel->sharedBytes;
  else if (attribute == 4) *value = (int)of->registers;
  else if (attribute == 8) *value = (int)of->mostShared;
  else return invalidValue;
  return begin();
}

int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                   unsigned sharedBytes, void *stream, void **parameters, void **extra) {
  const int before = begin();
  if (before) return before;
  Function *wanted = function;
  (void)stream;
  if (wanted->module->context != current_context()) return invalidContext;
  if (!gridX || gridY != 1 || gridZ != 1 || !blockX || blockX > 1024 || blockY != 1 || blockZ != 1 || extra) return invalidValue;
  if (!parameters || !parameters[0] || sharedBytes > wanted->mostShared) return invalidValue;
  if (blockX > most_threads(wanted)) return outOfResources;
  if (fault("launch")) return launchFailed;
  int (*run)(const char *, const void *, size_t, Launch *) = NULL;
  *(void **)&run = dlsym(wanted->module->library, "emulator_launch");
  pthread_mutex_lock(&driver.lock);
  driver.counts.launches++;
  const uint32_t mutation = strcmp(driver.mutated, wanted->kernel->name) ? 0 : driver.mutation;
  const bool isOfRows = strcmp(wanted->kernel->name, "topk_begin") != 0;
  Launch launch = {.blocks = isOfRows && driver.blocks && driver.blocks < gridX ? driver.blocks : gridX, .threads = blockX,
                   .sharedBytes = sharedBytes, .mutatedLine = mutation, .order = driver.order, .reached = wanted->reached,
                   .lines = lines, .turns = mutation ? 1u << 24 : 0};
  driver.failed = run(wanted->kernel->name, parameters[0], wanted->kernel->parameterBytes, &launch);
  if (driver.failed) {
    snprintf(driver.launchError, sizeof driver.launchError, "%s: %s", wanted->kernel->name, launch.error);
    if (!mutation) fprintf(stderr, "emulated device: %s\n", driver.launchError);
  }
  pthread_mutex_unlock(&driver.lock);
  return driver.failed ? launchFailed : success;
}

// Fibers, their order, and what ends them: emulator.h.
#include "fiber.h"
#include "state.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { pageBytes = 4096, stackBytes = 2 << 20, mostShared = 227 << 10, sharedRoom = 256 << 10 };

typedef struct {
  Fiber fiber;
  ThreadState state;
  Collective kind;
  uint32_t line, mask, lane, clamp;
  uint64_t value, result, trace;
} Thread;

Emulator emulator;
static Thread threads[maxThreads];
static Fiber scheduler;
static char *stacks;
static uint8_t *sharedEnd;
static uint32_t waiting, alive, latestBarrier;
static uint64_t random_;
static void (*body)(const uint8_t *);
static const uint8_t *parameter;
static Launch *launch;
static sigjmp_buf failed;

static uint64_t next(void) {
  random_ ^= random_ << 13; random_ ^= random_ >> 7; random_ ^= random_ << 17;
  return random_;
}

// ---- errors

void emulator_fail(uint32_t line, const char *format, ...) {
  va_list list;
  int begun = snprintf(launch->error, sizeof launch->error, "line %u, thread %u of block %u: ", line, emulator.thread, emulator.block);
  va_start(list, format);
  vsnprintf(launch->error + begun, sizeof launch->error - (size_t)begun, format, list);
  va_end(list);
  siglongjmp(failed, 1);
}

void emulator_endless(uint32_t line) { emulator_fail(line, "the loop does not end"); }

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)context;
  emulator_fail(emulator.line, "%s at %p", number == SIGFPE ? "arithmetic" : "an access outside of the memory given", info->si_addr);
}

static void say_who_waits(void) {
  static const char *const names[] = {"could run", "waits at bar.sync", "waits for its warp", "has ended"};
  int length = snprintf(launch->error, sizeof launch->error, "block %u: threads wait for others that do not come:", emulator.block);
  for (uint32_t first = 0, t = 1; t <= emulator.threads; t++) {
    if (t < emulator.threads && threads[t].state == threads[first].state && threads[t].line == threads[first].line) continue;
    if (length < (int)sizeof launch->error - 100) {
      length += snprintf(launch->error + length, 100, " %u to %u %s", first, t - 1, names[threads[first].state]);
      if (threads[first].state != ended) length += snprintf(launch->error + length, 20, ", line %u", threads[first].line);
      length += snprintf(launch->error + length, 2, ";");
    }
    first = t;
  }
}

// ---- what threads do together

static void traced(uint64_t what, uint32_t line) {
  if (line < launch->lines && !launch->reached[line]) launch->reached[line] = 1;
  Thread *own = &threads[emulator.thread];
  own->trace = (own->trace ^ what) * 0x9E3779B97F4A7C15u;
  own->trace ^= own->trace >> 29;
}

void emulator_barrier(uint32_t line) {
  if (line == launch->mutatedLine) return;
  traced(1, line);
  launch->barriers++;
  emulator_fence();
  Thread *own = &threads[emulator.thread];
  own->state = atBarrier; own->line = line;
  bool same = ++waiting == emulator.threads;
  for (uint32_t t = 0; same && t < emulator.threads; t++) same = threads[t].state == atBarrier && threads[t].line == line;
  if (same) {
    waiting = 0;
    if (latestBarrier && latestBarrier < launch->lines) launch->reached[latestBarrier] = 2;
    latestBarrier = line;
    emulator.blockInterval = ++emulator.lastInterval;
    for (uint32_t t = 0; t < emulator.threads; t++) threads[t].state = ready;
  }
  fiber_switch(&own->fiber, &scheduler);
}

// PTX ISA, shfl.sync. A lane that takes no part has no number to give.
static uint64_t shuffled(const Thread *warp, uint32_t lane) {
  const Thread *own = &warp[lane];
  const uint32_t by = own->lane & 31, segment = own->clamp >> 8 & 31, clamp = own->clamp & 31;
  const uint32_t least = lane & segment, most = least | (clamp & ~segment);
  int from;
  bool is;
  switch (own->kind) {
    case SHUFFLE_UP: from = (int)lane - (int)by; is = from >= (int)most; break;
    case SHUFFLE_DOWN: from = (int)(lane + by); is = from <= (int)most; break;
    case SHUFFLE_BFLY: from = (int)(lane ^ by); is = from <= (int)most; break;
    default: from = (int)(least | (by & ~segment)); is = from <= (int)most;
  }
  if (!is) from = (int)lane;
  const uint32_t wrong = own->line == launch->mutatedLine ? 0x5a5a5a5a : 0;
  return (uint64_t)is << 32 | (own->mask >> from & 1 ? (uint32_t)warp[from].value ^ wrong : 0xffc12345u);
}

static void complete(Thread *warp, uint32_t mask) {
  uint32_t ballot = 0;
  for (uint32_t lane = 0; lane < warpThreads; lane++)
    if (mask >> lane & 1 && (warp[lane].value & 1)) ballot |= 1u << lane;
  for (uint32_t lane = 0; lane < warpThreads; lane++) {
    if (!(mask >> lane & 1)) continue;
    Thread *thread = &warp[lane];
    uint32_t same = 0;
    switch (thread->kind) {
      case WARP_BARRIER: break;
      case VOTE_BALLOT: thread->result = ballot; break;
      // As predicates: the bit beside the number.
      case VOTE_ANY: thread->result = ballot != 0; break;
      case VOTE_ALL: thread->result = ballot == mask; break;
      case VOTE_UNI: thread->result = ballot == mask || ballot == 0; break;
      case MATCH_ANY:
        for (uint32_t other = 0; other < warpThreads; other++)
          if (mask >> other & 1 && warp[other].value == thread->value) same |= 1u << other;
        thread->result = same;
        break;
      default: thread->result = shuffled(warp, lane);
    }
    thread->state = ready;
  }
}

uint64_t emulator_warp(Collective kind, uint32_t mask, uint64_t value, uint32_t lane, uint32_t clamp, uint32_t line) {
  const uint32_t first = emulator.thread / warpThreads * warpThreads, here = emulator.thread - first;
  if (kind == WARP_BARRIER && line == launch->mutatedLine) return 0;
  traced((uint64_t)kind + 2 + ((uint64_t)(lane & 31) << 8) + ((uint64_t)clamp << 16), line);
  if (kind == WARP_BARRIER) { launch->warpBarriers++; emulator_fence(); } else launch->shuffles++;
  if (!(mask >> here & 1)) emulator_fail(line, "the mask is without the thread itself");
  Thread *warp = &threads[first], *own = &warp[here];
  own->kind = kind; own->mask = mask; own->value = value; own->lane = lane; own->clamp = clamp;
  own->line = line; own->state = atWarp;
  bool all = true;
  for (uint32_t i = 0; all && i < warpThreads; i++)
    if (mask >> i & 1) all = warp[i].state == atWarp && warp[i].line == line && warp[i].mask == mask;
  if (all) {
    complete(warp, mask);
    if (kind == WARP_BARRIER) emulator.warpInterval[first / warpThreads] = ++emulator.lastInterval;
  }
  fiber_switch(&own->fiber, &scheduler);
  return own->result;
}

// ---- a block

static void run_thread(void) {
  body(parameter);
  emulator_fence();
  launch->trace += (threads[emulator.thread].trace ^ ((uint64_t)emulator.block << 32 | emulator.thread)) * 0xD6E8FEB86659FD93u;
  threads[emulator.thread].state = ended;
  alive--;
  fiber_switch(&threads[emulator.thread].fiber, &scheduler);
}

static bool run(uint32_t t) {
  if (threads[t].state != ready) return false;
  emulator.thread = t;
  fiber_switch(&scheduler, &threads[t].fiber);
  return true;
}

/// Threads from `first` on, once each, from a random one or from an end; whether any could.
static bool take_turns(uint32_t first, uint32_t count) {
  const uint32_t start = launch->order < 2 ? 0 : (uint32_t)(next() % count);
  bool any = false;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t at = (start + i) % count;
    if (run(first + (launch->order == 1 || (launch->order > 1 && start & 1) ? count - 1 - at : at))) any = true;
  }
  return any;
}

static bool run_block(void) {
  const uint32_t warps = emulator.threads / warpThreads;
  waiting = latestBarrier = 0; alive = emulator.threads;
  memory_begin_block();
  for (uint32_t t = 0; t < emulator.threads; t++) {
    threads[t] = (Thread){0};
    fiber_begin(&threads[t].fiber, stacks + (size_t)t * stackBytes, stackBytes, run_thread);
  }
  while (alive) {
    bool any = false;
    if (launch->order > 2 && launch->order & 1) {
      for (uint32_t i = 0, w = (uint32_t)(next() % warps); i < warps; i++, w = (w + 1) % warps)
        while (take_turns(w * warpThreads, warpThreads)) any = true;
    } else {
      any = take_turns(0, emulator.threads);
    }
    if (!any) { say_who_waits(); return false; }
  }
  return true;
}

// ---- a launch

static const Kernel *find(const char *name) {
  for (const Kernel *kernel = emulator_kernels; kernel->name; kernel++)
    if (strcmp(kernel->name, name) == 0) return kernel;
  return NULL;
}

static bool refuse(const char *why, uint64_t number, uint64_t wanted) {
  snprintf(launch->error, sizeof launch->error, "%s: %llu, and not %llu", why, (unsigned long long)number, (unsigned long long)wanted);
  return false;
}

static bool fits(const Kernel *kernel, size_t bytes) {
  if (!kernel) return refuse("no such kernel", 0, 0);
  if (bytes != kernel->parameterBytes) return refuse("bytes of the parameter", bytes, kernel->parameterBytes);
  if (launch->threads % warpThreads || !launch->threads) return refuse("threads are no whole warps", launch->threads, warpThreads);
  if (launch->threads > kernel->maxThreads) return refuse("too many threads", launch->threads, kernel->maxThreads);
  if (!launch->blocks) return refuse("blocks", 0, 1);
  if (emulator.sharedBytes > mostShared) return refuse("bytes of shared memory", emulator.sharedBytes, mostShared);
  return true;
}

static void reserve(void) {
  if (stacks) return;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  stacks = mmap(NULL, (size_t)maxThreads * stackBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  uint8_t *room = mmap(NULL, sharedRoom + 2 * pageBytes, PROT_NONE, flags, -1, 0);
  if (stacks == MAP_FAILED || room == MAP_FAILED || mprotect(room + pageBytes, sharedRoom, PROT_READ | PROT_WRITE)) abort();
  sharedEnd = room + pageBytes + sharedRoom;
}

static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE};
enum { caughtSignals = sizeof caught / sizeof *caught };

int emulator_launch(const char *name, const void *parameterBytes, size_t bytes, Launch *wanted) {
  static char signalStack[64 << 10];
  struct sigaction before[caughtSignals], now = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  stack_t stackBefore, stackNow = {.ss_sp = signalStack, .ss_size = sizeof signalStack};
  const Kernel *kernel = find(name);
  launch = wanted;
  launch->barriers = launch->warpBarriers = launch->shuffles = launch->trace = launch->takenTurns = 0;
  launch->error[0] = 0;
  emulator.sharedBytes = launch->sharedBytes + (kernel ? kernel->sharedBytes : 0);
  if (!fits(kernel, bytes)) return 1;
  reserve();
  emulator.threads = launch->threads; emulator.blocks = launch->blocks;
  // The end of shared memory, as nearly as alignment has it, is that of a page without access.
  emulator.shared = sharedEnd - ((emulator.sharedBytes + 15) & ~15u);
  const uint64_t turns = launch->turns ? launch->turns : 1ull << 32;
  emulator.turns = turns;
  body = kernel->body; parameter = parameterBytes;
  random_ = (launch->order + 1) * 0x9E3779B97F4A7C15u;
  sigaltstack(&stackNow, &stackBefore);
  for (int i = 0; i < caughtSignals; i++) sigaction(caught[i], &now, &before[i]);
  emulator.racing = launch->order == 0; emulator.delays = launch->order % 4 > 1;
  memory_begin();
  volatile bool good = true;
  if (sigsetjmp(failed, 1) == 0) {
    for (uint32_t i = 0, start = launch->order > 1 ? (uint32_t)(next() % launch->blocks) : 0; good && i < launch->blocks; i++) {
      const uint32_t at = (start + i) % launch->blocks;
      emulator.block = launch->order & 1 ? launch->blocks - 1 - at : at;
      for (uint8_t *byte = emulator.shared; byte < sharedEnd; byte++) *byte = launch->order ? (uint8_t)next() : 0xff;
      good = run_block();
    }
  } else {
    good = false;
  }
  memory_end();
  launch->takenTurns = turns - emulator.turns;
  for (int i = 0; i < caughtSignals; i++) sigaction(caught[i], &before[i], NULL);
  sigaltstack(&stackBefore, NULL);
  return !good;
}

uint64_t emulator_shared(uint64_t address, uint32_t bytes, uint32_t line) {
  if (address > emulator.sharedBytes || emulator.sharedBytes - address < bytes)
    emulator_fail(line, "%u bytes at %llu of %u bytes of shared memory", bytes, (unsigned long long)address, emulator.sharedBytes);
  return (uint64_t)(uintptr_t)emulator.shared + address;
}

uint64_t emulator_window(uint64_t address, bool back, uint32_t line) {
  const uint64_t start = (uint64_t)(uintptr_t)emulator.shared;
  if (back && address - start > emulator.sharedBytes) emulator_fail(line, "an address that is not of shared memory");
  return back ? address - start : address + start;
}

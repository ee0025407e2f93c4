// Of every two bytes of memory, who stored and who loaded last, and between which barriers.
//
// bar.sync orders a block's threads, bar.warp.sync a warp's; shuffles and votes order nothing, as PTX promises nothing.
// Blocks of one launch are never ordered. Threads that store the bytes that are there already, all of them the same, do
// no harm on any device, and kernels do so; that one then loads them is no race either. Nor are two stores of different
// bytes, if nobody loads them: each thread of a team may store its elements, and then all of them the one that is special.
// Where the last one matters, results differ from order to order.
#include "races.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { granule = 2, pageBytes = 4096, rooms = 1 << 12, mostPages = 1 << 11, severalWarps = 0xfffe, alike = 0xffff };
typedef struct { uint32_t interval, warpInterval, line; uint16_t thread; bool ordered; } Last;
typedef struct { Last store, load; } Record;
typedef struct Page { uint64_t number; struct Page *next; Record records[pageBytes / granule]; } Page;
static Page *pages[rooms], *latest;
static uint32_t pageCount;

static Record *record_of(uint64_t address) {
  const uint64_t number = address / pageBytes;
  if (!latest || latest->number != number) {
    Page **place = &pages[(number * 0x9E3779B97F4A7C15u) >> 52];
    while (*place && (*place)->number != number) place = &(*place)->next;
    if (!*place) {
      *place = calloc(1, sizeof **place);
      if (!*place) abort();
      (*place)->number = number;
      pageCount++;
    }
    latest = *place;
  }
  return &latest->records[address % pageBytes / granule];
}

void races_end(void) {
  if (pageCount < mostPages) return;
  for (int i = 0; i < rooms; i++)
    while (pages[i]) {
      Page *page = pages[i];
      pages[i] = page->next;
      free(page);
    }
  latest = NULL;
  pageCount = 0;
}

static bool is_shared(uint64_t address) { return address - (uint64_t)(uintptr_t)emulator.shared < emulator.sharedBytes; }

/// Whether no barrier is between an access and this thread's present one.
static bool meets(const Last *last, bool shared) {
  if (last->interval < (shared ? emulator.blockBegin : emulator.launchInterval)) return false;
  if (last->interval < emulator.blockBegin) return true; // another block's
  if (last->interval < emulator.blockInterval || last->thread == emulator.thread) return false;
  if (last->thread >= maxThreads || last->thread / warpThreads != emulator.thread / warpThreads) return true;
  return last->warpInterval >= emulator.warpInterval[emulator.thread / warpThreads];
}

static const char *who(const Last *last) {
  static char text[20];
  if (last->thread >= maxThreads) return "other threads";
  snprintf(text, sizeof text, "thread %u", last->thread);
  return text;
}

static Last now(bool ordered, uint32_t line) {
  return (Last){emulator.blockInterval, emulator.warpInterval[emulator.thread / warpThreads], line, (uint16_t)emulator.thread, ordered};
}

void races_load(uint64_t address, uint32_t bytes, bool ordered, uint32_t line) {
  const bool shared = is_shared(address);
  for (uint64_t at = address; at < address + bytes; at += granule) {
    Record *record = record_of(at);
    if (shared && record->store.interval < emulator.blockBegin)
      emulator_fail(line, "it loads byte %llu of shared memory, which nobody has stored",
                    (unsigned long long)(at - (uint64_t)(uintptr_t)emulator.shared));
    if (record->store.thread != alike && !(ordered && record->store.ordered) && meets(&record->store, shared))
      emulator_fail(line, "a race: it loads what %s at line %u stored, without a barrier between", who(&record->store), record->store.line);
    Last last = now(ordered, line);
    if (meets(&record->load, shared)) {
      if (record->load.interval < emulator.blockBegin) continue; // another block's is the one to remember
      if (record->load.thread / warpThreads != emulator.thread / warpThreads) last.thread = severalWarps;
    }
    // As two of the warp without a barrier between: neither may store.
    else if (record->load.interval == last.interval && record->load.thread == severalWarps) last.thread = severalWarps;
    record->load = last;
  }
}

void races_store(uint64_t address, const void *value, uint32_t bytes, bool ordered, uint32_t line) {
  const bool shared = is_shared(address), same = value && memcmp((void *)(uintptr_t)address, value, bytes) == 0;
  for (uint64_t at = address; at < address + bytes; at += granule) {
    Record *record = record_of(at);
    const bool met = meets(&record->store, shared);
    if (!same && !(ordered && record->load.ordered) && meets(&record->load, shared))
      emulator_fail(line, "a race: it stores other bytes than %s at line %u loaded, without a barrier between", who(&record->load),
                    record->load.line);
    const bool is_alike = same && (met || (record->store.thread == alike && record->store.interval >= emulator.blockInterval));
    record->store = now(ordered, line);
    if (is_alike) record->store.thread = alike;
  }
}

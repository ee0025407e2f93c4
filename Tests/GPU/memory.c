// What threads load and store: alignment, stores that are held back, and races (races.c).
#include "races.h"
#include <stdlib.h>
#include <string.h>

// What a thread has stored and others do not see yet, eight bytes an entry, by address.
typedef struct { uint64_t word, bytes, mask; } Held;
typedef struct { Held *entries; uint32_t room, count; } Store;
static Store stores[maxThreads];

static Held *entry(Store *store, uint64_t word) {
  uint32_t at = (uint32_t)(word * 0x9E3779B97F4A7C15u >> 32) & (store->room - 1);
  while (store->entries[at].mask && store->entries[at].word != word) at = (at + 1) & (store->room - 1);
  return &store->entries[at];
}

static void hold(uint64_t address, const void *value, uint32_t bytes) {
  Store *store = &stores[emulator.thread];
  if (store->count * 2 >= store->room) {
    Store larger = {.room = store->room ? store->room * 2 : 64};
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (!larger.entries) abort();
    for (uint32_t i = 0; i < store->room; i++)
      if (store->entries[i].mask) *entry(&larger, store->entries[i].word) = store->entries[i], larger.count++;
    free(store->entries);
    *store = larger;
  }
  Held *held = entry(store, address / 8);
  if (!held->mask) store->count++;
  held->word = address / 8;
  memcpy((char *)&held->bytes + address % 8, value, bytes);
  memset((char *)&held->mask + address % 8, 0xff, bytes);
}

void emulator_fence(void) {
  Store *store = &stores[emulator.thread];
  for (uint32_t i = 0; store->count && i < store->room; i++) {
    Held *held = &store->entries[i];
    if (!held->mask) continue;
    for (uint32_t byte = 0; byte < 8; byte++)
      if (held->mask >> 8 * byte & 255) *(uint8_t *)(uintptr_t)(held->word * 8 + byte) = (uint8_t)(held->bytes >> 8 * byte);
    held->mask = 0;
    store->count--;
  }
}

void memory_begin(void) {
  for (uint32_t t = 0; t < maxThreads; t++) {
    if (stores[t].count) memset(stores[t].entries, 0, stores[t].room * sizeof *stores[t].entries);
    stores[t].count = 0;
  }
  emulator.launchInterval = ++emulator.lastInterval;
}

void memory_begin_block(void) {
  emulator.blockBegin = emulator.blockInterval = ++emulator.lastInterval;
  for (uint32_t w = 0; w < maxThreads / warpThreads; w++) emulator.warpInterval[w] = emulator.blockInterval;
}

void memory_end(void) { races_end(); }

void emulator_aligned(uint64_t address, uint32_t bytes, uint32_t line) {
  if (address % bytes) emulator_fail(line, "%u bytes at %p, which is no multiple of them", bytes, (void *)(uintptr_t)address);
}

static inline void *look_at(uint64_t address, uint32_t bytes, uint32_t line) {
  emulator.line = line;
  if (address & (bytes - 1)) emulator_aligned(address, bytes, line);
  return (void *)(uintptr_t)address;
}

static uint64_t load(uint64_t address, uint32_t bytes, bool ordered, uint32_t line) {
  uint64_t value = 0;
  memcpy(&value, (void *)(uintptr_t)address, bytes);
  if (emulator.racing) races_load(address, bytes, ordered, line);
  const Store *store = &stores[emulator.thread];
  if (store->count) {
    const Held *held = entry(&stores[emulator.thread], address / 8);
    uint64_t own = held->bytes >> address % 8 * 8, mask = held->mask >> address % 8 * 8;
    value = (value & ~mask) | (own & mask);
  }
  return value;
}

static void store(uint64_t address, const void *value, uint32_t bytes, bool ordered, uint32_t line) {
  void *place = (void *)(uintptr_t)address;
  if (emulator.racing) races_store(address, value, bytes, ordered, line);
  if (!emulator.delays) {
    memcpy(place, value, bytes);
    return;
  }
  *(volatile uint8_t *)place = *(volatile uint8_t *)place; // memory that is not there is to be noticed here
  hold(address, value, bytes);
}

#define ACCESS(bits) \
  uint##bits##_t ld_plain_##bits(uint64_t address, uint32_t line) { \
    const uint##bits##_t *place = look_at(address, bits / 8, line); \
    return emulator.racing || emulator.delays ? (uint##bits##_t)load(address, bits / 8, false, line) : *place; \
  } \
  uint##bits##_t ld_ordered_##bits(uint64_t address, uint32_t line) { \
    look_at(address, bits / 8, line); \
    return (uint##bits##_t)load(address, bits / 8, true, line); \
  } \
  uint##bits##_t ld_param_##bits(uint64_t address, uint32_t line) { \
    uint##bits##_t value; \
    emulator.line = line; \
    memcpy(&value, (void *)(uintptr_t)address, sizeof value); \
    return value; \
  } \
  void st_plain_##bits(uint64_t address, uint##bits##_t value, uint32_t line) { \
    uint##bits##_t *place = look_at(address, bits / 8, line); \
    if (emulator.racing || emulator.delays) store(address, &value, bits / 8, false, line); \
    else *place = value; \
  } \
  void st_ordered_##bits(uint64_t address, uint##bits##_t value, uint32_t line) { \
    look_at(address, bits / 8, line); \
    store(address, &value, bits / 8, true, line); \
  }
ACCESS(8) ACCESS(16) ACCESS(32) ACCESS(64)

void *emulator_atomic(uint64_t address, uint32_t bytes, uint32_t line) {
  void *place = look_at(address, bytes, line);
  emulator_fence(); // a thread's own store to the same address comes first
  if (emulator.racing) races_store(address, NULL, bytes, true, line);
  return place;
}

// The devices' memory: pages of its own for each allocation, those around it closed, and so is what has been freed.
#pragma once
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)
uint64_t memory_allocate(size_t bytes, int device);
int memory_free(uint64_t address);
void memory_free_all(void);
/// Whose an address is; -1: nobody's.
int memory_device(uint64_t address);
#pragma GCC visibility pop

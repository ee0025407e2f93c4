/* In the place of interpose.c, where allocations are a sanitizer's: they are not counted and none fails. */
#include "interpose.h"

long allocation_calls(void) { return 0; }
void reset_allocation_calls(void) {}
long live_allocations(void) { return 0; }
long live_bytes(void) { return 0; }
int is_allocating(void) { return 0; }
void fail_allocations_from(size_t bytes) { (void)bytes; }
void fail_allocation_after(long count) { (void)count; }
void fail_allocations_after(long count) { (void)count; }
long refused_allocations(void) { return 0; }

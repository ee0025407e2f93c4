/*
 * The allocation functions of this program and of every library in it, counted and, on request, failing. Defined in the
 * executable, they come before the C library's own wherever a name is looked up.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <stddef.h>

/* Calls of malloc and its kin, of free with something to free, and of mmap, since the last reset, on any thread. */
long allocation_calls(void);
void reset_allocation_calls(void);

/* Pieces of memory that malloc and its kin have given, on any thread, and that nobody has given back. */
long live_allocations(void);

/* The bytes of those pieces. */
long live_bytes(void);

/* Whether the calling thread is inside one of them, where no signal handler may allocate. */
int is_allocating(void);

/* From now on, requests of this many bytes or more find no memory. SIZE_MAX: none fails. */
void fail_allocations_from(size_t bytes);

/* From now on, the request after this many more finds no memory. Negative: none fails. */
void fail_allocation_after(long count);

/* The same, and so do all that come after it. */
void fail_allocations_after(long count);

/* How many requests have found no memory since the last reset of the calls. */
long refused_allocations(void);

#endif /* INTERPOSE_H */

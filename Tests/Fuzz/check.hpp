// What ends a run: a promise of the header's that was not kept.
#pragma once

#include <cstdio>
#include <cstdlib>

// Says where and what, and aborts: the fuzzer then keeps the input.
#define REQUIRE(condition, ...)                                             \
  do {                                                                      \
    if (!(condition)) {                                                     \
      std::fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);  \
      std::fprintf(stderr, __VA_ARGS__);                                    \
      std::fprintf(stderr, "\n");                                           \
      std::abort();                                                         \
    }                                                                       \
  } while (0)

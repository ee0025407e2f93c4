#include "ngrams.h"

#include <string.h>

size_t most_ngrams(const char *name) { return LONGEST_NGRAM * strlen(name); }

/* Where the character after this one begins: bytes 10xxxxxx continue one. */
static const char *next_character(const char *at) {
  do at++;
  while (((unsigned char)*at & 0xC0) == 0x80);
  return at;
}

size_t hash_ngrams(const char *name, uint32_t *buckets) {
  size_t count = 0;
  for (const char *start = name; *start != '\0'; start = next_character(start)) {
    /* FNV-1a, 64 bits, whose value after n characters is the hash of that n-gram. */
    uint64_t hash = UINT64_C(14695981039346656037);
    const char *at = start;
    for (int n = 1; n <= LONGEST_NGRAM && *at != '\0'; n++) {
      const char *const end = next_character(at);
      for (; at < end; at++) hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
      /* The low bits of a short string's hash depend on few of its bits; the high ones are folded in. */
      buckets[count++] = (uint32_t)((hash ^ hash >> 32) % BUCKETS);
    }
  }
  return count;
}

/* A name as a bag of hashed character 1- to 4-grams. */
#ifndef NGRAMS_H
#define NGRAMS_H

#include <stddef.h>
#include <stdint.h>

enum { BUCKETS = 1 << 17, LONGEST_NGRAM = 4 };

/* How many n-grams a name has at most, for the room it needs: 4 for every byte. */
size_t most_ngrams(const char *name);

/* Writes the buckets of all n-grams of a name, in UTF-8, and returns how many they are. */
size_t hash_ngrams(const char *name, uint32_t *buckets);

#endif /* NGRAMS_H */

/* City names and their countries, from the tab-separated file that `make cities` writes. */
#ifndef CITIES_H
#define CITIES_H

#include <stddef.h>
#include <stdint.h>

/* Names to learn from, or to be tested on: bags of n-grams, and labels. */
typedef struct {
  size_t rows;
  /* The n-grams of row i are ngrams[first[i]] up to ngrams[first[i + 1] - 1]. */
  size_t *first;
  uint32_t *ngrams;
  int64_t *labels;
} city_rows;

typedef struct {
  int64_t countries;
  city_rows training;
  city_rows test;
} cities;

/* Reads the file; quick: of every country, one name in four. Ends the program with a message if it cannot. */
cities read_cities(const char *path, int quick);

void free_cities(cities *read);

#endif /* CITIES_H */

/* getline is POSIX's. */
#define _POSIX_C_SOURCE 200809L
#include "cities.h"

#include <errno.h>
#include <string.h>

#include "memory.h"
#include "ngrams.h"

enum { MOST_COUNTRIES = 1000, QUICK_SHARE = 4 };

/* Rows that grow: room for how many, and of each country how many were seen. */
typedef struct {
  city_rows rows;
  size_t row_room;
  size_t ngram_room;
  int64_t seen[MOST_COUNTRIES];
} growing_rows;

static void append(growing_rows *part, int64_t label, const char *name) {
  city_rows *const rows = &part->rows;
  const size_t used = rows->rows == 0 ? 0 : rows->first[rows->rows];
  if (rows->rows + 2 > part->row_room) {
    part->row_room = 2 * part->row_room + 1024;
    rows->first = resized(rows->first, part->row_room, sizeof *rows->first);
    rows->labels = resized(rows->labels, part->row_room, sizeof *rows->labels);
  }
  if (used + most_ngrams(name) > part->ngram_room) {
    part->ngram_room = 2 * part->ngram_room + most_ngrams(name);
    rows->ngrams = resized(rows->ngrams, part->ngram_room, sizeof *rows->ngrams);
  }
  rows->first[rows->rows] = used;
  rows->first[rows->rows + 1] = used + hash_ngrams(name, rows->ngrams + used);
  rows->labels[rows->rows++] = label;
}

/* Cuts the next field off a line: up to a tab, or to its end. NULL if there is none. */
static char *next_field(char **line) {
  char *const field = *line;
  if (field == NULL) return NULL;
  *line = strchr(field, '\t');
  if (*line != NULL) *(*line)++ = '\0';
  return field;
}

/* The index of a country, written in one to three digits, or -1. */
static int64_t index_of(const char *text) {
  const size_t length = strlen(text);
  if (length < 1 || length > 3 || strspn(text, "0123456789") != length) return -1;
  return strtol(text, NULL, 10);
}

static void fail(const char *path, size_t line, const char *what) {
  fprintf(stderr, "%s:%zu: %s\n", path, line, what);
  exit(1);
}

cities read_cities(const char *path, int quick) {
  growing_rows *const training = zeroed(1, sizeof *training);
  growing_rows *const test = zeroed(1, sizeof *test);
  cities read = {0, {0, NULL, NULL, NULL}, {0, NULL, NULL, NULL}};
  char *line = NULL;
  size_t room = 0;
  size_t number = 1;
  ssize_t length;
  FILE *const file = fopen(path, "r");
  if (file == NULL) {
    fprintf(stderr, "%s: %s (make cities writes it)\n", path, strerror(errno));
    exit(1);
  }
  /* The first line has the columns' titles. */
  if (getline(&line, &room, file) < 0 || strcmp(line, "part\tcountry\tcountry_name\tname\n") != 0)
    fail(path, number, "not the titles of a file of cities");
  while ((length = getline(&line, &room, file)) > 0) {
    char *rest = line;
    const char *part, *country, *name;
    int64_t label;
    growing_rows *rows;
    number++;
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    part = next_field(&rest);
    country = next_field(&rest);
    next_field(&rest);
    name = next_field(&rest);
    if (name == NULL || rest != NULL) fail(path, number, "not four columns");
    if (*name == '\0') fail(path, number, "the name is empty");
    label = index_of(country);
    if (label < 0) fail(path, number, "the index of a country is no number from 0 to 999");
    if (label >= read.countries) read.countries = label + 1;
    rows = strcmp(part, "training") == 0 ? training : strcmp(part, "test") == 0 ? test : NULL;
    if (rows != NULL && (rows->seen[label]++ % QUICK_SHARE == 0 || !quick)) append(rows, label, name);
  }
  free(line);
  fclose(file);
  read.training = training->rows;
  read.test = test->rows;
  free(training);
  free(test);
  if (read.training.rows == 0 || read.test.rows == 0) fail(path, number, "no names to learn from or to test on");
  return read;
}

static void free_rows(city_rows *rows) {
  free(rows->first);
  free(rows->ngrams);
  free(rows->labels);
}

void free_cities(cities *read) {
  free_rows(&read->training);
  free_rows(&read->test);
}

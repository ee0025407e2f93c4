// City names and their countries, from the tab-separated file that `make cities` writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

// How many different n-grams are told apart.
constexpr int buckets = 1 << 17;

// Names to learn from, or to be tested on.
struct CityRows {
  // The hashed character 1- to 4-grams of every name.
  std::vector<std::vector<int>> ngrams;
  std::vector<std::int64_t> labels;

  std::size_t size() const { return labels.size(); }
};

struct Cities {
  std::int64_t countries = 0;
  CityRows training;
  CityRows test;

  // Training names of each country.
  std::vector<double> counts() const;
};

// Reads the file; quick: of every country, one name in four. Throws std::runtime_error if it cannot.
Cities read_cities(const std::string &path, bool quick);

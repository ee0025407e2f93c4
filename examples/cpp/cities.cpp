#include "cities.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <stdexcept>

namespace {

constexpr int longest_ngram = 4;
constexpr int quick_share = 4;

// Where the character after this one begins: bytes 10xxxxxx continue one.
std::size_t next_character(const std::string &name, std::size_t at) {
  do ++at;
  while (at < name.size() && (static_cast<unsigned char>(name[at]) & 0xC0) == 0x80);
  return at;
}

std::vector<int> hash_ngrams(const std::string &name) {
  std::vector<int> found;
  for (std::size_t start = 0; start < name.size(); start = next_character(name, start)) {
    // FNV-1a, 64 bits, whose value after n characters is the hash of that n-gram.
    std::uint64_t hash = 14695981039346656037U;
    std::size_t at = start;
    for (int n = 1; n <= longest_ngram && at < name.size(); ++n) {
      const std::size_t end = next_character(name, at);
      for (; at < end; ++at) hash = (hash ^ static_cast<unsigned char>(name[at])) * 1099511628211U;
      // The low bits of a short string's hash depend on few of its bits; the high ones are folded in.
      found.push_back(static_cast<int>((hash ^ hash >> 32) % buckets));
    }
  }
  return found;
}

// The four columns of a line.
std::array<std::string, 4> columns_of(const std::string &line) {
  std::array<std::string, 4> columns;
  std::size_t start = 0;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    const std::size_t end = line.find('\t', start);
    if ((end == std::string::npos) != (column + 1 == columns.size())) throw std::runtime_error("not four columns");
    columns[column] = line.substr(start, end - start);
    start = end + 1;
  }
  return columns;
}

// The index of a country, written in one to three digits.
std::int64_t index_of(const std::string &text) {
  if (text.empty() || text.size() > 3 || text.find_first_not_of("0123456789") != std::string::npos)
    throw std::runtime_error("the index of a country is no number from 0 to 999");
  return std::stoi(text);
}

}  // namespace

std::vector<double> Cities::counts() const {
  std::vector<double> found(static_cast<std::size_t>(countries));
  for (const std::int64_t label : training.labels) found[static_cast<std::size_t>(label)] += 1.0;
  return found;
}

Cities read_cities(const std::string &path, bool quick) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path + " (make cities writes it)");
  Cities cities;
  std::map<std::pair<const CityRows *, std::int64_t>, int> seen;
  std::string line;
  std::getline(file, line);
  if (line != "part\tcountry\tcountry_name\tname") throw std::runtime_error(path + " has not the titles of cities");
  for (int number = 2; std::getline(file, line); ++number) {
    try {
      const auto [part, country, country_name, name] = columns_of(line);
      if (name.empty()) throw std::runtime_error("the name is empty");
      const std::int64_t label = index_of(country);
      cities.countries = std::max(cities.countries, label + 1);
      CityRows *const rows = part == "training" ? &cities.training : part == "test" ? &cities.test : nullptr;
      if (rows == nullptr || (seen[{rows, label}]++ % quick_share != 0 && quick)) continue;
      rows->ngrams.push_back(hash_ngrams(name));
      rows->labels.push_back(label);
    } catch (const std::runtime_error &error) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (cities.training.size() == 0 || cities.test.size() == 0) throw std::runtime_error(path + " has too few names");
  return cities;
}

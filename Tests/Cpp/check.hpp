// What the C++ test programs share: a check that tells what failed and goes on.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <cmath>
#include <iostream>
#include <string>

#include "topkloss.hpp"

inline int failed_checks = 0;

// Says where and what, for the first failures only: a loop that fails does so a thousand times.
inline void report(const char *file, int line, const std::string &what) {
  if (failed_checks++ < 10) std::cerr << file << ":" << line << ": " << what << "\n";
}

#define CHECK(condition, what)                                                                        \
  do {                                                                                                \
    if (!(condition)) report(__FILE__, __LINE__, std::string(#condition ": ") + (what));              \
  } while (false)

// Numbers that agree but for rounding.
#define CHECK_CLOSE(found, expected, tolerance, what)                                                         \
  CHECK(std::abs((found) - (expected)) <= (tolerance) * (1.0 + std::abs(expected)),                            \
        std::string(what) + ": " + std::to_string(found) + ", expected " + std::to_string(expected))

// A call that must throw an Error of this status, whose message contains the words.
template <class Call>
void expect_error(int line, topkloss_status status, const std::string &words, Call call) {
  try {
    call();
  } catch (const topkloss::Error &error) {
    if (error.status() != status) report(__FILE__, line, std::string("status: ") + error.status_name());
    if (std::string(error.what()).find(words) == std::string::npos)
      report(__FILE__, line, std::string("\"") + error.what() + "\" does not say \"" + words + "\"");
    return;
  }
  report(__FILE__, line, "no error, expected: " + words);
}

// What main returns.
inline int check_summary() {
  if (failed_checks > 0) std::cerr << failed_checks << " checks failed\n";
  return failed_checks == 0 ? 0 : 1;
}

#endif  // CHECK_HPP

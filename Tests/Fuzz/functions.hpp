// What a function besides the losses is called with, and its answer.
#pragma once

#include "problem.hpp"

struct FunctionCall {
  Problem problem;
  Setting setting;
  // The function's own struct, and its threshold.
  Options options, threshold;
  bool is_ordinary = true;
  // Which of its pointers are NULL.
  bool is_null[4] = {};
  bool is_at_end = true;
  int64_t integer = 0;
  int32_t code = 0;
  double number = 0;
  uint64_t word = 0;
};

struct FunctionAnswer {
  topkloss_status status = TOPKLOSS_OK;
  std::vector<uint8_t> bytes;
};

struct FunctionType {
  const char *name;
  // The struct that it takes, or NULL.
  const char *options;
  bool has_threshold;
  void (*call)(FunctionCall &drawn, const Library &library, FunctionAnswer &answer);
};

int function_count();
const FunctionType &function_type(int index);

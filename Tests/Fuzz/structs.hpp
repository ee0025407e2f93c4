// The header's structs as tables of their members, and options drawn from the fuzzer's bytes by them.
#pragma once

#include <cmath>
#include <cstring>

#include "input.hpp"
#include "library.hpp"
#include "memory.hpp"

enum class Kind { number, integer, word, code, vector, classes, pointer };

struct StructMember {
  const char *name;
  size_t offset;
  Kind kind;
  // How many values an enumeration has, from 0; 0 if it is none.
  int32_t enumerators;

  // The fuzzer's strcmp tells it of both texts, and takes its time.
  bool is(const char *other) const {
    const char *letter = name;
    while (*letter != 0 && *letter == *other) letter++, other++;
    return *letter == *other;
  }
};

struct StructType {
  const char *name;
  size_t size;
  const StructMember *members;
  int32_t count;
  topkloss_status (*initialize)(const Library &, void *, size_t);
  // Of a loss's options.
  topkloss_status (*create)(const Library &, const void *, topkloss_loss **);
};

int loss_count();
const StructType &loss_type(int index);
// The others, topkloss_batch and topkloss_result among them.
int struct_count();
const StructType &struct_type(int index);
const StructType &struct_named(const char *name);

// A struct's bytes as its caller has them, whose vectors lie in memory of the fuzzer's.
struct Options {
  static constexpr size_t most_bytes = 512;

  const StructType *type = nullptr;
  alignas(8) uint8_t bytes[most_bytes];
  // How many of the bytes the caller has.
  size_t size = 0;
  int vectors = 0;
  // Elements of every vector, C mostly.
  int64_t length = 0;
  bool is_ordinary = true;
  bool is_null = false;

  template <typename T>
  void set(const StructMember &member, T value) {
    std::memcpy(bytes + member.offset, &value, sizeof value);
  }
  template <typename T>
  T get(const StructMember &member) const {
    T value;
    std::memcpy(&value, bytes + member.offset, sizeof value);
    return value;
  }
  // The member's value, or what stands for it if it is none of the struct's.
  int32_t code(const char *name, int32_t otherwise) const;
  int64_t integer(const char *name, int64_t otherwise) const;
  double number(const char *name, double otherwise) const;
  bool has(const char *name) const;

  // Between guard pages, as the library gets it; NULL if the caller has none.
  const void *place(int arena_index) const;
};

// Sets every member, of C classes, to something sensible; if not ordinary, some to anything.
void draw_options(Input &input, const StructType &type, int64_t classes, bool is_ordinary, Options &options);

// The same, with every number and vector moved by no more than `share` of itself.
void move_options(Options &options, Random &random, double share);

// The largest number and vector entry of each, multiplied: what errors may be multiplied by.
double magnification(const Options &options);

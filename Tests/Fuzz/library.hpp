// The library's functions, of any number of copies of it in one process, each with an instruction set of its own.
#pragma once

#include "topkloss.h"

#include "../C/generated/abi.h"

struct Library {
#define POINTER_TO(function) decltype(&::topkloss_##function) function;
  TOPKLOSS_FUNCTIONS(POINTER_TO)
#undef POINTER_TO
};

// The one that is looked at, whose coverage guides the fuzzer.
const Library &subject();

// Whether it is so old that its batches have neither groups nor classes apart.
bool knows_rows_alone();

// The same sources, of an instruction set each, from portable up to what this machine has.
int reference_count();
const Library &reference(int index);

// From the environment, once: TOPKLOSS_FUZZ_SUBJECT and TOPKLOSS_FUZZ_REFERENCE, paths of libraries.
void load_libraries();

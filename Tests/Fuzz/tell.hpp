// What an input stands for, in words.
#pragma once

#include "problem.hpp"

// Writes it to the standard error output if TOPKLOSS_FUZZ_TELL is in the environment.
void tell(const char *what, const Options *options, const Problem *problem, const Setting *setting);

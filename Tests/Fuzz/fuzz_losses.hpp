// A loss and a batch drawn from the fuzzer's bytes, evaluated in two ways that must agree.
#pragma once

#include "input.hpp"

void fuzz_losses(Input &input);

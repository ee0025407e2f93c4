// A loss and a batch drawn from the fuzzer's bytes, evaluated in two ways that must agree.
#pragma once

#include "input.hpp"

// Whether it took so long that there should not be more like it.
bool fuzz_losses(Input &input);

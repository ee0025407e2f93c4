// The functions besides the losses, called twice in ways that must agree to the last bit.
#pragma once

#include "input.hpp"

void fuzz_functions(Input &input);

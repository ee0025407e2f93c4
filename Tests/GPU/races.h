// Whether threads load what another one stores without a barrier between, or store where it loads.
#pragma once
#include "state.h"

HIDDEN void races_load(uint64_t address, uint32_t bytes, bool ordered, uint32_t line);
/// Before the store itself. NULL: an atomic's, whose value does not matter.
HIDDEN void races_store(uint64_t address, const void *value, uint32_t bytes, bool ordered, uint32_t line);
HIDDEN void races_end(void);

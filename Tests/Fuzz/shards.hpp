// A loss from shards of the classes: a call of topkloss_shard_partial and one of topkloss_shard_complete for each.
#pragma once

#include "evaluation.hpp"

// What evaluate gives, of a problem without soft labels or noise. `edges`: where shards begin, and the end. With the status
// of the first call that failed.
void evaluate_shards(const Options &options, const Problem &problem, const Setting &setting,
                     const std::vector<int64_t> &edges, Answer &answer);

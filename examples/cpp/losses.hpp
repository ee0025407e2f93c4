// The losses that the program is run with, by name.
#pragma once

#include <string>
#include <topkloss.hpp>
#include <vector>

inline constexpr const char *loss_names = "cross-entropy, logit-adjusted, noised-top5 or noised-top5-exact";

// counts: training names of each country. Throws std::runtime_error if there is no such loss.
topkloss::Loss make_loss(const std::string &name, const std::vector<double> &counts);

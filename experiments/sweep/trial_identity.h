// Are two configurations of a sweep file one trial?
#pragma once

#include <string>

#include "experiments/sweep/sweep_file.h"

namespace rankscope {

// What tells a source of examples from another.
OrderedJson source_json(const DataSource& source);

// SHA-256 in hex of everything but the group: equal for two trials that are one. It holds paths,
// and so names no trial outside its file.
std::string trial_identity(const TrialConfig& trial);

}  // namespace rankscope

// The trial that a command line names.
#pragma once

#include <string>

#include "results/query.h"

namespace rankscope {

enum class TrialsSought { kAll, kScored };

// The one trial of `folder`, which `reader` reads, whose name is `asked` or alone begins so.
// InputError where there is none, with the nearest, or several, with the first two.
std::string find_trial(ResultsReader& reader, const std::string& folder, const std::string& asked,
                       TrialsSought sought);

}  // namespace rankscope

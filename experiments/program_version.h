#pragma once

#include <string>

namespace rankscope {

// The commit that the program was built from, with "-changed" where files differed from it;
// "unknown" outside a repository.
std::string program_version();
// The day of the commit that changed experiments/paper/claims.yaml last, as 2026-01-31, with ",
// changed since" where the file differs from it; empty outside a repository.
std::string claims_changed();

}  // namespace rankscope

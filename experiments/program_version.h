#pragma once

#include <string>

namespace rankscope {

// The commit that the program was built from, with "-changed" where files differed from it or it
// lacks a source; "unknown" where git does not know the sources as a repository.
std::string program_version();
// The day of the commit that changed experiments/paper/claims.yaml last, as 2026-01-31, with ",
// changed since" where the file differs from it; empty where git does not know it, as in a shallow
// clone that holds no older commit.
std::string claims_changed();

}  // namespace rankscope

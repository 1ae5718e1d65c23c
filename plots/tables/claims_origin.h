// Where the claims of a report come from.
#pragma once

#include <string>

#include "results/findings.h"

namespace rankscope {

// The name of the file that they stand in.
std::string claims_file_name(const Findings& findings);
// "claims.yaml, last committed on 2026-11-26": its name, and what is known of when it was written.
// Of a file that was given, and of the program's own where it differs from its last commit, that is
// nothing.
std::string claims_origin(const Findings& findings);

}  // namespace rankscope

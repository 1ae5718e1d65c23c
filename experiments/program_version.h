#pragma once

#include <string>

namespace rankscope {

// The commit that the program was built from, with "-changed" where files differed from it;
// "unknown" outside a repository.
std::string program_version();

}  // namespace rankscope

// experiments/paper/claims.yaml as the program was built with it.
#pragma once

#include <string_view>

namespace rankscope {

std::string_view paper_claims();

}  // namespace rankscope

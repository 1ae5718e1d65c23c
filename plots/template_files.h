// The files of plots/templates as the build found them.
#pragma once

#include <string_view>

namespace rankscope {

// By its name in that folder; std::logic_error where there is none.
std::string_view template_file(std::string_view name);

}  // namespace rankscope
